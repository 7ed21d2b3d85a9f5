// Scenarios: one shared file from an object and from files.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ConfigError, Emulator, InvalidRequestError } from "sessionwire";
import { using } from "./helpers.mjs";

const file = (name) => fileURLToPath(new URL(`../contract/scenarios/${name}`, import.meta.url));
const read = (name) => JSON.parse(readFileSync(file(name), "utf8"));

for (const [name, scenario] of Object.entries({
  "an object": read("tour.json"),
  "a JSON file": file("tour.json"),
  "a YAML file": file("tour.yaml"),
})) {
  test(`the same scenario gives the same events from ${name}`, async () => {
    const expected = read("tour.expected.json");
    await using(await Emulator.start({ scenario, clock: "fast" }), async (emulator) => {
      const session = await emulator.agi().sessions.create();
      const task = await session.startTask(expected.task);
      const events = [];
      for await (const event of task) {
        events.push([event.type, event.text]);
        if (event.type === "question") await task.answer(expected.answer);
        else if (event.text === expected.message_after) {
          await session.sendMessage(expected.message);
        }
      }
      const { messages } = await session.messages();
      const told = messages.filter((message) => message.type !== "USER");
      assert.deepEqual(
        events.map((event, n) => [...event, (told[n].timestamp - session.createdAt) / 1000]),
        expected.events,
      );
      assert.deepEqual((await task.result()).data, { summary: "A blue mug", minutes: 120 });
    });
  });
}

test("a scenario that cannot be used names the place", async () => {
  const folder = mkdtempSync(join(tmpdir(), "scenario-"));
  try {
    const bad = join(folder, "bad.yaml");
    writeFileSync(bad, "tasks:\n  - steps:\n      - thougth: x\n");
    const place = /bad\.yaml:3:9: tasks\[0\]\.steps\[0\]: `thougth` is not a step: write `thought`/;
    await assert.rejects(Emulator.start({ scenario: bad }), (error) => {
      assert.ok(error instanceof ConfigError, error.stack);
      assert.match(error.message, place);
      return true;
    });
    await using(await Emulator.start(), async (emulator) => {
      const refused = (scenario, text) =>
        assert.throws(
          () => emulator.scenario(scenario),
          (error) => error instanceof InvalidRequestError && text.test(error.message),
        );
      refused(bad, place);
      refused(join(folder, "missing.json"), /missing\.json: cannot be read/);
      refused({ tasks: [{ steps: [{ delay: -1 }] }] }, /tasks\[0\]\.steps\[0\]\.delay: needs/);
      emulator.scenario(file("tour.yaml"));
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the package has the schema", () => {
  const packed = createRequire(import.meta.url)("sessionwire/scenario.schema.json");
  const source = new URL("../../emulator/scenario.schema.json", import.meta.url);
  assert.deepEqual(packed, JSON.parse(readFileSync(source, "utf8")));
});
