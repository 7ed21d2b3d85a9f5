// Batches by a journal: loops that are left, and those that go on.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import {
  Agi,
  ConfigError,
  ConflictError,
  Emulator,
  InvalidRequestError,
  TaskError,
} from "sessionwire";

const scenario = {
  tasks: [
    { match: "fail", once: false, steps: [{ error: "sold out" }] },
    { match: "which", once: false, steps: [{ question: "colour?" }, { done: "{answer}" }] },
    { match: "long", once: false, steps: [{ done: "late", after: 3600 }] },
    { once: false, steps: [{ thought: "Looking" }, { done: "{task}: bought" }] },
  ],
};
const tasks = [
  ...Array.from({ length: 8 }, (_, number) => `mug ${number}.`),
  { id: 17, message: "fail" },
  {
    id: "cup",
    message: "cup.",
    agentName: "agi-0-fast",
    startUrl: "https://shop.example",
    timeout: 60_000,
  },
];

async function shop(run) {
  const folder = mkdtempSync(join(tmpdir(), "sessionwire-batch-"));
  const emulator = await Emulator.start({ stepDelay: 0, scenario });
  const client = emulator.agi();
  try {
    await run({ emulator, client, journal: join(folder, "journal") });
  } finally {
    await client.close();
    await emulator.close();
    rmSync(folder, { recursive: true });
  }
}

async function all(outcomes) {
  const list = [];
  for await (const outcome of outcomes) list.push(outcome);
  return list;
}

const sent = (emulator) =>
  emulator.requests({ method: "POST", path: "/v1/sessions/*/message" }).length;

test("g03 a loop that was left goes on with the same journal", () =>
  shop(async ({ emulator, client, journal }) => {
    for (const leaveAfter of [2, 5]) {
      let seen = 0;
      for await (const _ of client.runTasks(tasks, { journal, concurrency: 2 })) {
        seen += 1;
        if (seen === leaveAfter) break;
      }
    }
    const told = {};
    for await (const outcome of client.runTasks(tasks, { journal })) {
      assert.equal(outcome.unfinished, false);
      const given = tasks[outcome.index];
      assert.equal(outcome.task, given.message ?? given);
      assert.equal(outcome.id in told, false);
      told[outcome.id] = outcome.result?.text ?? outcome.error.name;
    }
    const expected = { 17: "TaskError", cup: "cup.: bought" };
    for (let number = 0; number < 8; number += 1) expected[number] = `mug ${number}.: bought`;
    assert.deepEqual(told, expected);
    assert.equal(sent(emulator), tasks.length);
    assert.deepEqual(await client.sessions.list(), []);
  }));

test("g03 an error is given again, and sent again when asked", () =>
  shop(async ({ emulator, client, journal }) => {
    for (const [retryFailed, count] of [
      [false, 1],
      [false, 1],
      [true, 2],
    ]) {
      const [outcome] = await all(client.runTasks(["fail"], { journal, retryFailed }));
      assert.ok(outcome.error instanceof TaskError);
      assert.match(outcome.error.message, /sold out/);
      assert.equal(sent(emulator), count);
    }
  }));

test("g02 a question that nobody could answer is asked again at the next start", () =>
  shop(async ({ emulator, client, journal }) => {
    const fails = () => {
      throw new RangeError("no idea");
    };
    const rejects = async () => {
      throw new RangeError("no idea");
    };
    for (const [onQuestion, kind] of [
      [fails, RangeError],
      [rejects, RangeError],
      [() => 5, InvalidRequestError],
    ]) {
      const [outcome] = await all(client.runTasks(["which"], { journal, onQuestion }));
      assert.equal(outcome.error.constructor, kind);
      assert.equal(outcome.unfinished, true);
    }
    const onQuestion = () => "blue";
    const [outcome] = await all(client.runTasks(["which"], { journal, onQuestion }));
    assert.equal(outcome.unfinished, false);
    assert.equal(outcome.result.text, "blue");
    // The task, and the answer.
    assert.equal(sent(emulator), 2);
    assert.deepEqual(await client.sessions.list(), []);
  }));

test("a journal and a ledger are paths", () =>
  shop(async ({ emulator, client, journal }) => {
    for (const [value, words] of [
      [5, /must be a path in a string, not number\. Pass a string/],
      [true, /not boolean/],
      [pathToFileURL(journal), /not a URL\. Pass fileURLToPath\(url\)/],
    ]) {
      const refused = (type, name) => (error) => {
        assert.ok(error instanceof type);
        assert.match(error.message, words);
        return error.message.includes(`\`${name}\``);
      };
      assert.throws(
        () => client.runTasks(["one"], { journal: value }),
        refused(InvalidRequestError, "journal"),
      );
      for (const name of ["ledger", "caFile"]) {
        assert.throws(
          () => new Agi({ baseUrl: emulator.url, apiKey: "k", [name]: value }),
          refused(ConfigError, name),
        );
      }
    }
  }));

test("bad input is refused by its name", () =>
  shop(async ({ client, journal }) => {
    for (const [bad, words] of [
      [["one", { id: "0", message: "two" }], /indexes 0 and 1/],
      [[{ message: "one", startUlr: "x" }], /`startUlr`.*`startUrl`/],
      [[{ id: "a" }], /tasks\[0\]\.message/],
      [[7], /tasks\[0\]/],
      [{ message: "one" }, /`tasks` is no list\. Pass a list of tasks/],
      ["one", /`tasks` is a string\. Pass a list of tasks/],
    ]) {
      assert.throws(
        () => client.runTasks(bad, { journal }),
        (error) => {
          assert.ok(error instanceof InvalidRequestError);
          assert.match(error.message, words);
          return true;
        },
      );
    }
    const first = client.runTasks(["one", "long"], { journal });
    await first.next();
    await assert.rejects(
      client.runTasks(["one", "long"], { journal }).next(),
      (error) => error instanceof ConflictError && error.code === "journal_in_use",
    );
    await first.return();
    await assert.rejects(client.runTasks(["another"], { journal }).next(), /message changed/);
  }));
