// undici's own request with eventsource-parser, the parser fed by hand.

import { createParser } from "eventsource-parser";

import { apiKey, measure } from "./measure.mjs";
import { request } from "./undici_of_node.mjs";

await measure(async (baseUrl, sessionId) => {
  let events = 0;
  let total = 0;
  const parser = createParser({
    onEvent(event) {
      events += 1;
      total += JSON.parse(event.data).message_id;
    },
  });
  const { statusCode, body } = await request(`${baseUrl}/v1/sessions/${sessionId}/events`, {
    headers: { authorization: `Bearer ${apiKey}`, accept: "text/event-stream" },
  });
  if (statusCode !== 200) throw new Error(`status ${statusCode}`);
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    parser.feed(decoder.decode(chunk, { stream: true }));
  }
  return { events, total };
});
