// undici's own request with eventsource-parser, fed by hand.

import { createParser } from "eventsource-parser";

import { resting } from "./resting.mjs";
import { Agent, request } from "./undici_of_node.mjs";

await resting(async ({ baseUrl, apiKey }, sessionId, streams, seen) => {
  const headers = { authorization: `Bearer ${apiKey}`, accept: "text/event-stream" };
  const dispatcher = new Agent({ bodyTimeout: 0 });
  async function one() {
    const parser = createParser({
      onEvent(event) {
        const { message_id: id, sent } = JSON.parse(event.data);
        if (!id) throw new Error("an event without its id");
        seen(sent);
      },
    });
    const url = `${baseUrl}/v1/sessions/${sessionId}/events`;
    const { statusCode, body } = await request(url, { headers, dispatcher });
    if (statusCode !== 200) throw new Error(`status ${statusCode}`);
    const decoder = new TextDecoder();
    for await (const chunk of body) parser.feed(decoder.decode(chunk, { stream: true }));
  }
  await Promise.all(Array.from({ length: streams }, one));
});
