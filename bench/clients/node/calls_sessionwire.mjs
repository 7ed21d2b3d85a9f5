// sessionwire.

import { Agi } from "sessionwire";

import { calls, session as id } from "./calls.mjs";

await calls(async (baseUrl, apiKey) => {
  const client = new Agi({ baseUrl, apiKey });
  const session = client.sessions.attach(id);
  return {
    status: () => session.executionStatus(),
    screenshot: async () => (await session.screenshot()).image,
    close: () => client.close(),
  };
});
