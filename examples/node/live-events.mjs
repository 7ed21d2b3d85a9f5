// Watches a task live and answers its questions. No key is needed: see quickstart.mjs.

import { Emulator } from "sessionwire";

const emulator = await Emulator.start();
const client = emulator.agi();
const session = await client.sessions.create();
try {
  const task = await session.startTask("Ask me for a colour, then find 2 shirts");
  for await (const event of task) {
    console.log(`${event.id}\t${event.type}\t${event.text}`);
    if (event.type === "question") await task.answer("green");
  }
  const result = await task.result();
  console.log("result:", result.text);
} finally {
  await session.delete();
  await client.close();
  await emulator.close();
}
