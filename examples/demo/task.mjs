// A task with live events, in Node. Usage: task.mjs URL
import { Emulator } from "sessionwire";

const emulator = await Emulator.start();
const client = emulator.agi();
const session = await client.sessions.create({ agentName: "agi-0" });
try {
  const task = await session.startTask("List the prices on this page", { startUrl: process.argv[2] });
  for await (const event of task) {
    console.log(`  ${event.type.padEnd(8)} ${event.text}`);
  }
  const result = await task.result();
  console.log(JSON.stringify(result.data));
} finally {
  await session.delete();
  await client.close();
  await emulator.close();
}
