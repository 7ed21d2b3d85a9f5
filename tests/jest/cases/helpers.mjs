import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Agi, ConfigError, Raccoon, TaskError } from "sessionwire";
import { useEmulator, withEmulator } from "sessionwire/testing";

const scenario = {
  tasks: [
    { match: "mug", steps: [{ thought: "Looking" }, { done: { price: 12.5, tags: ["a"] } }] },
    { match: "plate", steps: [{ error: "The shop is closed" }] },
  ],
  turns: [{ steps: [{ text: "Blue" }, { complete: true }] }],
};

async function price(client = new Agi()) {
  try {
    return (await client.runTask("A mug")).data;
  } finally {
    await client.close();
  }
}

describe("with an emulator for each test", () => {
  const emulator = useEmulator({ beforeEach, afterEach }, { scenario });

  test("new Agi() reaches it, and its data are plain", async () => {
    expect(process.env.AGI_BASE_URL).toBe(emulator.url);
    expect(await price()).toStrictEqual({ price: 12.5, tags: ["a"] });
    emulator.assertRequested({ method: "POST", path: "/v1/sessions" }, { times: 1 });
  });

  test("it is fresh", () => {
    expect(emulator.requests()).toHaveLength(0);
  });

  test("errors are those of the package", async () => {
    const client = new Agi({ maxRetries: 0 });
    const failed = client.runTask("A plate");
    await expect(failed).rejects.toThrow("The shop is closed");
    await expect(failed).rejects.toBeInstanceOf(TaskError);
    await client.close();
  });

  test("new Raccoon() reaches it, too", async () => {
    const client = new Raccoon();
    expect((await client.session().runTurn("Which?")).text).toBe("Blue");
    await client.close();
  });
});

test("nothing of it stays", () => {
  expect(process.env.AGI_BASE_URL).toBeUndefined();
});

test.concurrent("tests at the same time have one each", async () => {
  const each = Array.from({ length: 5 }, () =>
    withEmulator({ scenario }, async (emulator) => {
      expect(await price(emulator.agi())).toStrictEqual({ price: 12.5, tags: ["a"] });
      return emulator.requests({ method: "POST", path: "/v1/sessions" }).length;
    }),
  );
  expect(await Promise.all(each)).toEqual([1, 1, 1, 1, 1]);
});

test("what is misspelt is told at once", () => {
  expect(() => useEmulator({ beforeEach, afterEach }, { scenarios: scenario })).toThrow(ConfigError);
});
