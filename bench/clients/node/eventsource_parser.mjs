// fetch with eventsource-parser, the parser fed by hand: the fastest way to use it.

import { createParser } from "eventsource-parser";

import { apiKey, measure } from "./measure.mjs";

await measure(async (baseUrl, sessionId) => {
  let events = 0;
  let total = 0;
  const parser = createParser({
    onEvent(event) {
      events += 1;
      total += JSON.parse(event.data).message_id;
    },
  });
  const response = await fetch(`${baseUrl}/v1/sessions/${sessionId}/events`, {
    headers: { authorization: `Bearer ${apiKey}`, accept: "text/event-stream" },
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const decoder = new TextDecoder();
  for await (const chunk of response.body) {
    parser.feed(decoder.decode(chunk, { stream: true }));
  }
  return { events, total };
});
