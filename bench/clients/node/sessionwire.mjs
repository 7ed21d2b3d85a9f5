// sessionwire.

import { Agi } from "sessionwire";

import { apiKey, measure } from "./measure.mjs";

await measure(async (baseUrl, sessionId) => {
  let events = 0;
  let total = 0;
  const client = new Agi({ baseUrl, apiKey });
  for await (const event of client.sessions.attach(sessionId).events()) {
    events += 1;
    total += event.data.message_id;
  }
  await client.close();
  return { events, total };
});
