// The calls of the shared cases (tests/contract/README.md), for every test that makes them.

import { camel, camelKeys, value } from "./helpers.mjs";

/** Makes the call of a case of AGI. */
export async function call({ call: name, args = [], options }, client, session, task) {
  const handles = { client, sessions: client.sessions, session, task };
  const [handle, method] = name.split(".");
  const given = args.map((arg) => (arg === "{session}" ? session.sessionId : value(arg)));
  if (options !== undefined) given.push(camelKeys(options));
  return handles[handle][camel(method)](...given);
}
