// Runs one task and prints what it ended with.
//
// No key is needed: the emulator plays the service. With a key, set AGI_API_KEY, drop the emulator
// and write `const client = new Agi();`.

import { Agi, Emulator } from "sessionwire";

const emulator = await Emulator.start();
const client = new Agi({ baseUrl: emulator.url, apiKey: emulator.apiKey });
const session = await client.sessions.create({ agentName: "agi-0" });
try {
  const result = await session.runTask("Ask me for a time of day, then list 3 flights under $450", {
    onQuestion: (question) => {
      console.log("question:", question.text);
      return "morning";
    },
    timeout: 60_000,
  });
  console.log("result:", result.text);
  console.log(result.data);
} finally {
  await session.delete();
  await client.close();
  await emulator.close();
}
