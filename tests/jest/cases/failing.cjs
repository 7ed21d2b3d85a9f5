const { Agi } = require("sessionwire");
const { useEmulator } = require("sessionwire/testing");

const scenario = { tasks: [{ match: "mug", steps: [{ done: "12.50" }] }] };

async function run(task) {
  const client = new Agi();
  try {
    return await client.runTask(task);
  } catch {
    return null;
  } finally {
    await client.close();
  }
}

const emulator = useEmulator({ beforeEach, afterEach }, { scenario, strictCleanup: true });

test("the code takes the error of a task that nothing fits", async () => {
  await run("How much is the plate?");
});

test("a fault never strikes", () => {
  emulator.fail("status status=503");
});

test("a request never came", () => {
  emulator.assertRequested({ method: "POST" });
});

test("a session is left", async () => {
  const client = new Agi();
  await client.sessions.create();
});
