// openai's event stream, pointed at this service.

import OpenAI from "openai";

import { apiKey, measure } from "./measure.mjs";

await measure(async (baseUrl, sessionId) => {
  let events = 0;
  let total = 0;
  const client = new OpenAI({ apiKey, baseURL: `${baseUrl}/v1` });
  const stream = await client.get(`/sessions/${sessionId}/events`, { stream: true });
  for await (const data of stream) {
    events += 1;
    total += data.message_id;
  }
  return { events, total };
});
