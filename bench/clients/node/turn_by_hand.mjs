// What the peers of a turn share: how it starts, and what is done with each message.

import { randomUUID } from "node:crypto";

import { apiKey } from "./measure.mjs";

/** Starts a turn and gives the address of its WebSocket. */
export async function start(baseUrl, prompt) {
  const response = await fetch(`${baseUrl}/sessions/new`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ session_id: randomUUID(), prompt, mode: "auto" }),
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const { session_id: id, agent_message_id: message } = await response.json();
  const query = new URLSearchParams({
    token: apiKey,
    message_id: message,
    last_stream_entry_id: "0-0",
  });
  return `${baseUrl.replace("http", "ws")}/ws/sessions/${id}?${query}`;
}

/** Counts the events of a turn; `add` is true at the end. */
export class Counter {
  events = 0;
  total = 0;

  add(text) {
    const { kind, payload } = JSON.parse(text);
    if (kind === undefined) return false;
    this.events += 1;
    this.total += payload.number;
    return kind === "task.completed";
  }
}
