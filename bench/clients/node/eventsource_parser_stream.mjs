// fetch with eventsource-parser as a stream of events: the tidy way, slower than feeding the parser by hand.

import { EventSourceParserStream } from "eventsource-parser/stream";

import { apiKey, measure } from "./measure.mjs";

await measure(async (baseUrl, sessionId) => {
  let events = 0;
  let total = 0;
  const response = await fetch(`${baseUrl}/v1/sessions/${sessionId}/events`, {
    headers: { authorization: `Bearer ${apiKey}`, accept: "text/event-stream" },
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const stream = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const event of stream) {
    events += 1;
    total += JSON.parse(event.data).message_id;
  }
  return { events, total };
});
