// A session recorded against one emulator and played in another.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { InvalidRequestError, NotFoundError } from "sessionwire";
import { withEmulator } from "sessionwire/testing";
import { script, using } from "./helpers.mjs";

const KEY = "sk-live-4711";

async function played(client, message, work = () => {}) {
  const session = await client.sessions.create();
  const task = await session.startTask(message);
  const events = [];
  for await (const event of task) {
    const { message_id: _, ...data } = event.data;
    events.push([event.type, event.text, data]);
    if (event.type === "question") await task.answer("blue");
  }
  await work(session);
  return events;
}

test("what was recorded is played again, without secrets", async () => {
  const folder = await mkdtemp(join(tmpdir(), "recording-"));
  try {
    const file = join(folder, "shop.yaml");
    const scenario = script(
      { thought: `echo ${KEY} and hidden words` },
      { question: "Which colour?", after: 5 },
      { step: "Open", url: "http://shop.example/", action: "click" },
      { done: { summary: "A mug", offers: [12.5] } },
    );
    let recorded;
    const first = await withEmulator({ scenario, apiKeys: [KEY], clock: "fast" }, (emulator) =>
      using(emulator.agi(), (client) =>
        played(client, "Buy", async (session) => {
          recorded = await session.record(file, { secrets: ["hidden"] });
          assert.deepEqual(await session.record({ secrets: ["hidden"] }), recorded);
        }),
      ),
    );
    const text = await readFile(file, "utf8");
    assert.ok(!text.includes(KEY) && !text.includes("hidden"), text);
    const expected = JSON.parse(
      JSON.stringify(first).replaceAll(KEY, "[redacted]").replaceAll("hidden", "[redacted]"),
    );
    for (const scenario of [file, recorded]) {
      await withEmulator({ scenario, clock: "fast" }, (emulator) =>
        using(emulator.agi(), async (client) => {
          assert.deepEqual(await played(client, "Buy"), expected);
        }),
      );
    }
    assert.equal(recorded.tasks[0].steps[1].after, 5);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("what cannot be recorded", async () => {
  await withEmulator({}, (emulator) =>
    using(emulator.agi(), async (client) => {
      await assert.rejects(client.sessions.attach("missing").record(), NotFoundError);
      const session = await client.sessions.create();
      await session.runTask("Go");
      await assert.rejects(session.record("/missing/it.yaml"), (error) => {
        assert.ok(error instanceof InvalidRequestError);
        assert.match(error.message, /cannot be saved as \/missing\/it\.yaml/);
        return true;
      });
    }),
  );
});
