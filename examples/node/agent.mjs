// An agent of your own: a function that plays the emulator's agent, and asks a question.
// No key is needed; nothing leaves this machine.

import { fileURLToPath } from "node:url";
import { Emulator } from "sessionwire";

const OFFERS = { "blue mug": 12.5, "green mug": 9.9, "blue bowl": 7.5 };

export async function shopAgent(task, agent) {
  await agent.think(`Working on: ${task.text}`);
  const colour = await agent.ask("Which colour?");
  const found = Object.entries(OFFERS).filter(([name]) => name.includes(colour));
  for (const [name, price] of found) {
    await agent.step(`Looking at the ${name} for ${price.toFixed(2)} EUR`, { action: "compare" });
  }
  for (const message of await agent.messages()) await agent.think(`You also said: ${message}`);
  if (found.length === 0) return agent.fail(`There is nothing in ${colour}`, { statusCode: 404 });
  const [name, price] = found.reduce((best, offer) => (offer[1] < best[1] ? offer : best));
  return { summary: `The ${name} costs ${price.toFixed(2)} EUR`, price };
}

async function main() {
  const emulator = await Emulator.start({ agent: shopAgent });
  const client = emulator.agi();
  try {
    const result = await client.runTask("Find something nice", {
      onEvent: (event) => console.log(event.type, event.text),
      onQuestion: () => "blue",
    });
    console.log(result.data.price);
  } finally {
    await client.close();
    await emulator.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
