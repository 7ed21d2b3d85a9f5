// A turn with a file and live events, in Node. Usage: turn.mjs FILE PROMPT
import { Emulator } from "sessionwire";

const [file, prompt] = process.argv.slice(2);
const emulator = await Emulator.start();
const client = emulator.raccoon();
try {
  const turn = await client.session().startTurn(prompt, { mode: "deepsearch", files: [file] });
  for await (const event of turn) {
    console.log(`  ${event.type.padEnd(16)} ${event.text}`);
  }
  const { text, plan, files } = await turn.result();
  console.log(JSON.stringify({ text, plan, files }));
} finally {
  await client.close();
  await emulator.close();
}
