// A program for the bundlers: it runs a task against an emulator of its own.
import { Emulator } from "sessionwire";

const emulator = await Emulator.start({
  stepDelay: 0,
  scenario: { tasks: [{ steps: [{ done: "It is done" }] }] },
});
const client = emulator.agi();
console.log((await client.runTask("Say hello")).text);
await client.close();
await emulator.close();
