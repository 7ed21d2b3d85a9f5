// sessionwire.

import { Agi } from "sessionwire";

import { resting } from "./resting.mjs";

await resting(async (options, sessionId, streams, seen) => {
  const client = new Agi(options);
  async function one() {
    for await (const event of client.sessions.attach(sessionId).events()) {
      if (!event.data.message_id) throw new Error("an event without its id");
      seen(event.data.sent);
    }
  }
  await Promise.all(Array.from({ length: streams }, one));
  await client.close();
});
