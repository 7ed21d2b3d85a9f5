// sessionwire.

import { Raccoon } from "sessionwire";

import { apiKey, measure } from "./measure.mjs";

await measure(async (baseUrl, prompt) => {
  let events = 0;
  let total = 0;
  const client = new Raccoon({ baseUrl, apiKey });
  for await (const event of await client.session().startTurn(prompt)) {
    events += 1;
    total += event.data.number;
  }
  await client.close();
  return { events, total };
});
