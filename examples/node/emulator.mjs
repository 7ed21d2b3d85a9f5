// Tests your own code against the emulator: a scripted agent, a connection that breaks, and a look at
// what was sent.

import assert from "node:assert/strict";
import { Emulator } from "sessionwire";

const emulator = await Emulator.start();
const client = emulator.agi();
try {
  emulator.scenario({
    tasks: [
      {
        match: "price",
        steps: [
          { repeat: 20, steps: [{ thought: "looking at offer {n}" }] },
          { done: { summary: "The cheapest costs $41.50", price: 41.5 } },
        ],
      },
    ],
  });
  // The event stream breaks after every 7 events; nobody notices.
  emulator.fail({ on: "events", cut_after: 7, times: 0 });

  const thoughts = [];
  const result = await client.runTask("Find the best price", {
    onEvent: (event) => {
      if (event.type === "thought") thoughts.push(event.text);
    },
  });

  assert.equal(thoughts.length, 20);
  assert.equal(result.data.price, 41.5);
  console.log("result:", result.text);
  for (const request of emulator.requests()) {
    console.log(request.method, request.path, request.status);
  }
  assert.equal(emulator.sessionCount, 0);
} finally {
  await client.close();
  await emulator.close();
}
