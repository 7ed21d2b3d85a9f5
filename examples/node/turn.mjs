// A turn with a file: its events as they come, then the answer.

import { Emulator } from "sessionwire";

const emulator = await Emulator.start(); // with a key: new Raccoon(), and no emulator
const client = emulator.raccoon();
const session = client.session(); // a fresh one; client.session(sessionId) continues one
try {
  const notes = await session.upload(Buffer.from("Blue mug 12.50 EUR\nGreen mug 9.90 EUR\n"), {
    name: "notes.txt",
  });
  const turn = await session.startTurn("Which mug is cheaper than 10 EUR?", {
    mode: "deepsearch",
    files: [notes],
  });
  for await (const event of turn) {
    console.log(event.type, event.text);
  }
  const result = await turn.result();
  console.log(result.status, result.plan.map((todo) => todo.content).join(", "));
  console.log(result.text);
} finally {
  await client.close();
  await emulator.close();
}
