// What is not of this module's world: contexts of AsyncLocalStorage, signals of polyfills, values of another realm.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { Agi, Emulator, InvalidRequestError, toSse, webhooks } from "sessionwire";
import { all, script, until, using } from "./helpers.mjs";

const storage = new AsyncLocalStorage();
const ASKS = [{ thought: "Looking" }, { question: "Which colour?" }, { done: "A {answer} mug" }];

/** Runs `work` with a client of an emulator, within a context of its own. */
async function given(options, work) {
  await using(await Emulator.start({ stepDelay: 0, ...options }), (emulator) =>
    storage.run("mine", () => work(emulator)),
  );
}

test("callbacks and iterators of tasks keep the caller's context", () =>
  given({ scenario: { tasks: [{ steps: ASKS, once: false }] } }, (emulator) =>
    using(emulator.agi(), async (client) => {
      const seen = [];
      const note = (what) => seen.push([what, storage.getStore()]);
      const onQuestion = () => {
        note("onQuestion");
        return "blue";
      };
      const onEvent = () => note("onEvent");
      await client.runTask("go", { onQuestion, onEvent });
      await client.asTool({ onQuestion, onEvent }).execute({ task: "go" });
      for await (const _ of client.runTasks(["go", "go"], { onQuestion })) note("runTasks");
      await using(await client.sessions.create(), async (session) => {
        await session.asTool({ onQuestion, onEvent }).execute({ task: "go" });
        const task = await session.startTask("go");
        for await (const event of task) {
          note("task");
          if (event.type === "question") await task.answer("red");
        }
        await task.next();
        note("next");
        for await (const event of session.events()) {
          note("events");
          if (event.type === "done") break;
        }
        for await (const _ of session.followMessages({ pollInterval: 5 })) note("followMessages");
        await session.paused(() => note("paused")).catch(() => note("not paused"));
      });
      assert.deepEqual(
        seen.filter(([, store]) => store !== "mine"),
        [],
      );
      const kinds = ["onQuestion", "onEvent", "runTasks", "task", "events", "followMessages"];
      for (const kind of kinds) assert.ok(seen.filter(([what]) => what === kind).length > 1, kind);
    }),
  ));

test("callbacks and iterators of turns keep the caller's context", () => {
  const steps = [{ text: "a" }, { text: "b" }, { complete: true }];
  return given({ scenario: { turns: [{ steps, once: false }] } }, async (emulator) => {
    const seen = [];
    const note = (what) => seen.push([what, storage.getStore()]);
    const hooks = {
      decodeAnswer: (_operation, _status, body) => body,
      decodeFrame: (frame) => frame,
    };
    await using(emulator.raccoon(hooks), async (client) => {
      const session = client.session();
      const onProgress = () => note("onProgress");
      const bytes = Buffer.alloc(1 << 20);
      await session.upload(bytes, { name: "x.bin", onProgress });
      async function* pieces() {
        for (let at = 0; at < 3; at += 1) {
          note("stream");
          yield bytes;
        }
      }
      await session.upload(pieces(), { name: "y.bin", onProgress });
      const turn = await session.startTurn("go");
      for await (const _ of turn) note("turn");
      await turn.result();
      for await (const _ of client.runTurns(["go", "go"])) note("runTurns");
      for await (const _ of client.sessions.list()) note("list");
    });
    assert.deepEqual(
      seen.filter(([, store]) => store !== "mine"),
      [],
    );
    for (const kind of ["onProgress", "stream", "turn", "runTurns", "list"]) {
      assert.ok(
        seen.some(([what]) => what === kind),
        kind,
      );
    }
  });
});

/** As the package `abort-controller` has them: no reason, no `throwIfAborted`, no `any`. */
class OldSignal {
  aborted = false;
  #listeners = new Set();
  addEventListener(type, listener, { once = false } = {}) {
    assert.equal(type, "abort");
    this.#listeners.add({ listener, once });
  }
  removeEventListener(_type, listener) {
    for (const one of this.#listeners) {
      if (one.listener === listener) this.#listeners.delete(one);
    }
  }
  abort() {
    this.aborted = true;
    for (const one of [...this.#listeners]) {
      if (one.once) this.#listeners.delete(one);
      one.listener({ type: "abort", target: this });
    }
  }
  get listeners() {
    return this.#listeners.size;
  }
}

test("g06 a signal of a polyfill ends what it belongs to, with an AbortError", () =>
  given({ scenario: script({ thought: "Looking" }, { delay: 3600 }) }, (emulator) =>
    using(emulator.agi(), async (client) => {
      const session = await client.sessions.create();
      const calls = {
        create: (signal) => client.sessions.create({ signal }),
        runTask: (signal) => client.runTask("go", { signal }),
        runTasks: (signal) => all(client.runTasks(["go"], { signal })),
        events: async (signal) => all(session.events({ signal })),
        startTask: async (signal) => all(await session.startTask("go", { signal })),
        wait: (signal) => session.wait({ signal, pollInterval: 5 }),
        followMessages: (signal) => all(session.followMessages({ signal })),
        waitForRequest: (signal) => emulator.waitForRequest({ path: "/none" }, { signal }),
      };
      for (const [name, call] of Object.entries(calls)) {
        for (const early of [true, false]) {
          if (name === "create" && !early) continue;
          const signal = new OldSignal();
          if (early) signal.abort();
          const ended = call(signal).then(
            () => assert.fail(`${name} went on`),
            (error) => error,
          );
          if (!early) {
            await until(() => signal.listeners > 0, `${name} listens`);
            signal.abort();
          }
          const error = await ended;
          assert.equal(error?.name, "AbortError", `${name}: ${error}`);
          assert.equal(signal.listeners, 0, `${name} listens still`);
        }
      }
      await session.delete();
      await until(() => emulator.sessionCount === 0);
    }),
  ));

test("g06 a signal of a polyfill ends the events for a browser", () =>
  given({ scenario: script({ thought: "Looking" }, { delay: 3600 }) }, (emulator) =>
    using(emulator.agi(), async (client) => {
      const task = await (await client.sessions.create()).startTask("go");
      const signal = new OldSignal();
      const reader = toSse(task, { signal, owns: [task] }).body.getReader();
      await reader.read();
      signal.abort();
      while (!(await reader.read()).done);
      await until(() => emulator.openStreams === 0);
    }),
  ));

/** Values of another realm, as tests with jsdom have them. */
const realm = createContext({});
const foreign = (code) => runInContext(code, realm);

test("bytes of another realm are bytes", () =>
  given({}, async (emulator) => {
    const body = `{"event":"task.started","message":"go","session":{"id":"s","status":"running","agent_name":"a"},"timestamp":"2026-01-01T00:00:00Z"}`;
    const codes = `[${Array.from(Buffer.from(body)).join()}]`;
    const array = foreign(`new Uint8Array(${codes})`);
    assert.ok(!(array instanceof Uint8Array));
    const buffer = foreign(`new Uint8Array(${codes}).buffer`);
    const part = foreign(`new Uint8Array([0, ...${codes}, 0]).subarray(1, ${body.length + 1})`);
    const parsed = webhooks.parse(body);
    for (const bytes of [array, buffer, part]) assert.deepEqual(webhooks.parse(bytes), parsed);
    await using(emulator.raccoon(), async (client) => {
      const session = client.session();
      for (const bytes of [array, buffer, part]) {
        const { size } = await session.upload(bytes, { name: "notes.txt" });
        assert.equal(size, body.length);
      }
      const stream = foreign(`(async function* () { yield new Uint8Array(${codes}); })()`);
      const { size } = await session.upload(stream, { name: "notes.txt" });
      assert.equal(size, body.length);
    });
  }));

test("options, errors and functions of another realm are taken as they are", () =>
  given({ scenario: { tasks: [{ steps: ASKS, once: false }] } }, async (emulator) => {
    const options = foreign("({ maxRetries: 1, headers: { a: 'b' } })");
    const client = new Agi({ baseUrl: emulator.url, apiKey: emulator.apiKey, ...options });
    await using(client, async () => {
      const { text } = await client.runTask("go", foreign("({ onQuestion: () => 'blue' })"));
      assert.equal(text, "A blue mug");
      const error = foreign("new Error('mine')");
      const thrown = client.runTask("go", {
        onQuestion() {
          throw error;
        },
      });
      await assert.rejects(thrown, (caught) => caught === error);
      const wrong = foreign("({ onQuestoin: () => 'blue' })");
      await assert.rejects(client.runTask("go", wrong), InvalidRequestError);
    });
  }));
