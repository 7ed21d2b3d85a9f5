// Node's own fetch with eventsource-parser, fed by hand.

import { createParser } from "eventsource-parser";

import { resting } from "./resting.mjs";

await resting(async ({ baseUrl, apiKey }, sessionId, streams, seen) => {
  const headers = { authorization: `Bearer ${apiKey}`, accept: "text/event-stream" };
  async function one(number) {
    const parser = createParser({
      onEvent(event) {
        if (!JSON.parse(event.data).message_id) throw new Error("an event without its id");
        seen(number);
      },
    });
    const response = await fetch(`${baseUrl}/v1/sessions/${sessionId}/events`, { headers });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const decoder = new TextDecoder();
    for await (const chunk of response.body) parser.feed(decoder.decode(chunk, { stream: true }));
  }
  await Promise.all(Array.from({ length: streams }, (_, number) => one(number)));
});
