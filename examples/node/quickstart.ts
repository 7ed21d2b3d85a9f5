// The same in TypeScript with `await using`: client, session and emulator clean up after themselves.
// Compile with a target below `esnext` for Node 20, and with `esnext.disposable` in `lib`.

import { type AgiEvent, Emulator, QuestionPending, TaskError } from "sessionwire";

function show(event: AgiEvent): void {
  switch (event.type) {
    case "step":
      console.log("step:", event.text, event.data.url ?? "");
      break;
    case "error":
      console.log("error:", event.data.error);
      break;
    default:
      console.log(`${event.type}:`, event.text);
  }
}

async function main(): Promise<void> {
  await using emulator = await Emulator.start();
  // With a key: `await using client = new Agi();`
  await using client = emulator.agi();
  await using session = await client.sessions.create({ agentName: "agi-0" });
  try {
    const result = await session.runTask("List 3 flights under $450", { onEvent: show });
    const words: number = result.parse((value) => Object.keys(value as object).length);
    console.log("result:", result.text, words);
  } catch (error) {
    if (error instanceof QuestionPending) console.log("it asks:", error.question?.text);
    else if (error instanceof TaskError) console.log("it failed:", error.message);
    else throw error;
  }
}

main();
