// undici's WebSocket; fetch starts the turn.

import { measure } from "./measure.mjs";
import { Counter, start } from "./turn_by_hand.mjs";
import { WebSocket } from "./undici_of_node.mjs";

await measure(async (baseUrl, prompt) => {
  const address = await start(baseUrl, prompt);
  const counter = new Counter();
  await new Promise((resolve, reject) => {
    const socket = new WebSocket(address);
    socket.onerror = ({ error }) => reject(error);
    socket.onclose = resolve;
    socket.onmessage = ({ data }) => {
      if (counter.add(data)) socket.close();
    };
  });
  return counter;
});
