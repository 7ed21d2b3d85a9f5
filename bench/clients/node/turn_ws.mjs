// ws; fetch starts the turn.

import WebSocket from "ws";

import { measure } from "./measure.mjs";
import { Counter, start } from "./turn_by_hand.mjs";

await measure(async (baseUrl, prompt) => {
  const address = await start(baseUrl, prompt);
  const counter = new Counter();
  await new Promise((resolve, reject) => {
    const socket = new WebSocket(address, { perMessageDeflate: false });
    socket.on("error", reject);
    socket.on("close", resolve);
    socket.on("message", (data) => {
      if (counter.add(data.toString())) socket.close();
    });
  });
  return counter;
});
