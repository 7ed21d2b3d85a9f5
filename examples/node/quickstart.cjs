// The same with `require`.

const { Agi, Emulator } = require("sessionwire");

async function main() {
  const emulator = await Emulator.start();
  // With a key: new Agi(), and AGI_API_KEY in the environment.
  const client = new Agi({ baseUrl: emulator.url, apiKey: emulator.apiKey });
  try {
    // Creates a session, runs the task in it and deletes it.
    const result = await client.runTask("List 3 flights under $450");
    console.log("result:", result.text);
  } finally {
    await client.close();
    await emulator.close();
  }
}

main();
