// An agent of your own for Raccoon's turns: it reads the file, hears what is added, and answers.
// No key is needed; nothing leaves this machine.

import { fileURLToPath } from "node:url";
import { Emulator } from "sessionwire";

export async function digestAgent(turn, agent) {
  const reading = { content: "Read the file", status: "active" };
  await agent.plan([reading, "Hear the rate", "Answer"]);
  await agent.think(`Working on: ${turn.prompt}`);
  let total = 0;
  for (const { key } of turn.files) {
    const file = await agent.readFile(key);
    const lines = file?.content.toString().trim().split("\n") ?? [];
    const prices = lines.map((line) => Number(line.split(" ").at(-1)));
    await agent.tool("calculator", { prices });
    total = prices.reduce((sum, price) => sum + price, total);
  }
  await agent.say(`Without tax: ${total.toFixed(2)} EUR. `);
  const rate = Number(await agent.waitForMessage());
  await agent.snapshot(["total.txt"]);
  return `With ${rate} % tax: ${(total * (1 + rate / 100)).toFixed(2)} EUR.`;
}

async function main() {
  const emulator = await Emulator.start({ turnAgent: digestAgent });
  const client = emulator.raccoon();
  try {
    const session = client.session();
    const notes = Buffer.from("blue mug 12.50\ngreen mug 9.90\n");
    const prices = await session.upload(notes, { name: "prices.txt" });
    const turn = await session.startTurn("Sum it up", { files: [prices] });
    for await (const event of turn) {
      console.log(event.type, event.text);
      if (event.type === "text" && event.text.includes("Without tax")) await turn.sendMessage("19");
    }
    console.log((await turn.result()).text);
  } finally {
    await client.close();
    await emulator.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
