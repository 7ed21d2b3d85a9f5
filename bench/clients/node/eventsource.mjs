// eventsource: the browser's EventSource for Node, with a fetch of its own to carry the key.

import { EventSource } from "eventsource";

import { apiKey, measure } from "./measure.mjs";

await measure(
  (baseUrl, sessionId) =>
    new Promise((resolve, reject) => {
      let events = 0;
      let total = 0;
      const source = new EventSource(`${baseUrl}/v1/sessions/${sessionId}/events`, {
        fetch: (url, init) =>
          fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${apiKey}` } }),
      });
      const count = (event) => {
        events += 1;
        total += JSON.parse(event.data).message_id;
      };
      source.addEventListener("thought", count);
      source.addEventListener("done", (event) => {
        count(event);
        source.close();
        resolve({ events, total });
      });
      source.onerror = (event) => {
        source.close();
        reject(new Error(`event source failed: ${event.message}`));
      };
    }),
);
