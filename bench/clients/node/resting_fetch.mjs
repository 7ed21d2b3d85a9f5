// Node's own fetch with eventsource-parser, fed by hand.

import { createParser } from "eventsource-parser";

import { resting } from "./resting.mjs";

await resting(async ({ baseUrl, apiKey }, sessionId, streams, seen) => {
  const headers = { authorization: `Bearer ${apiKey}`, accept: "text/event-stream" };
  async function one() {
    const parser = createParser({
      onEvent(event) {
        const { message_id: id, sent } = JSON.parse(event.data);
        if (!id) throw new Error("an event without its id");
        seen(sent);
      },
    });
    const response = await fetch(`${baseUrl}/v1/sessions/${sessionId}/events`, { headers });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const decoder = new TextDecoder();
    for await (const chunk of response.body) parser.feed(decoder.decode(chunk, { stream: true }));
  }
  await Promise.all(Array.from({ length: streams }, one));
});
