// Many turns at once, and the events of a session over all its turns.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Emulator, InvalidRequestError, StreamError, TaskError, TaskTimeout } from "sessionwire";
import { all, camelKeys, cases, check, failure, until } from "./helpers.mjs";

const MIXED = {
  turns: [
    { match: "fail", steps: [{ error: "sold out" }] },
    { match: "long", steps: [{ text: "on it" }, { wait_for_stop: true }] },
    { steps: [{ text: "ready" }] },
  ],
};
const SPOKEN = { turns: [{ steps: [{ text: "a" }, { text: "b" }] }] };

/** A test with an emulator and a client of it. */
function scene(name, work, { emulator: setup = {}, client: options = {} } = {}) {
  test(name, async () => {
    const emulator = await Emulator.start({ stepDelay: 0, scenario: MIXED, ...setup });
    const client = emulator.raccoon(options);
    try {
      await work(emulator, client);
    } finally {
      await client.close();
      await emulator.close();
    }
  });
}

function starts(emulator) {
  return emulator.requests({ method: "POST", path: "/sessions/new" }).length;
}

function sockets(emulator) {
  return emulator.requests().filter(({ path }) => path.startsWith("/ws/")).length;
}

/** What became of each turn. */
function told(outcomes) {
  return outcomes.map(({ result, error }) => {
    assert.equal(result === null, error !== null);
    if (result !== null) return result.status === "completed" ? result.text : result.status;
    return error.reason ?? error.name;
  });
}

scene("each turn has its outcome", async (emulator, client) => {
  const { sessionId } = client.session();
  const named = { prompt: "two", sessionId, mode: "code" };
  const turns = ["one", "fail", named, "three", { ...named, prompt: "four" }];
  const outcomes = await client.runTurns(turns, { concurrency: 2, mode: "plan" }).all();
  assert.deepEqual(told(outcomes), ["ready", "agent_error", "ready", "ready", "ready"]);
  assert.deepEqual(
    outcomes.map(({ turn, index }) => [turn, index]),
    turns.map((turn, index) => [turn, index]),
  );
  assert.ok(outcomes[1].error instanceof TaskError);
  assert.equal(outcomes[4].sessionId, sessionId);
  const { messages } = await client.session(sessionId).history();
  assert.deepEqual(
    messages.filter(({ role }) => role === "user").map(({ content, mode }) => [content, mode]),
    [
      ["two", "code"],
      ["four", "code"],
    ],
  );
  assert.ok(messages.some(({ id }) => id === outcomes[4].messageId));
  const one = await client.session(outcomes[0].sessionId).history();
  assert.equal(one.messages[0].mode, "plan");
  assert.equal(starts(emulator), 5);
});

scene("leaving the loop stops the turns and loses no outcome", async (emulator, client) => {
  const outcomes = client.runTurns(["long", "one", "long", "long"], { concurrency: 2 });
  for await (const { turn } of outcomes) {
    assert.equal(turn, "one");
    await until(() => starts(emulator) === 3);
    break;
  }
  const rest = await outcomes.all();
  assert.deepEqual(told(rest), ["aborted", "aborted", "cancelled"]);
  assert.deepEqual(
    rest.map(({ index, sent }) => [index, sent]),
    [
      [0, true],
      [2, true],
      [3, false],
    ],
  );
  assert.equal(starts(emulator), 3);
});

scene("g06: aborting stops the turns and loses no outcome", async (emulator, client) => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const { signal } = controller;
  const outcomes = client.runTurns(["one", "long"], { signal });
  const found = [];
  const running = failure(async () => {
    for await (const outcome of outcomes) found.push(outcome);
  });
  await until(() => found.length === 1 && sockets(emulator) === 2);
  controller.abort(reason);
  assert.equal(await running, reason);
  found.push(...(await outcomes.all()));
  assert.deepEqual(told(found), ["ready", "aborted"]);
});

scene("closing the client says which turns go on", async (emulator, client) => {
  const running = client.runTurns(["long", "never"], { concurrency: 1 }).all();
  await until(() => sockets(emulator) === 1);
  await client.close();
  const outcomes = await running;
  assert.deepEqual(told(outcomes), ["client_closed", "client_closed"]);
  assert.deepEqual(
    outcomes.map(({ sent, messageId }) => [sent, messageId !== null]),
    [
      [true, true],
      [false, false],
    ],
  );
});

scene(
  "an own way to write frames stops turns too",
  async (_, client) => {
    const options = { timeout: 500, stopOnTimeout: true };
    const [{ error }] = await client.runTurns(["long"], options).all();
    assert.ok(error instanceof TaskTimeout);
    assert.match(error.message, /It was stopped/);
  },
  { client: { encodeFrame: (frame) => ({ ...frame, type: "abort" }) } },
);

scene("nothing starts before it is asked for", async (emulator, client) => {
  const outcomes = client.runTurns(["one"]);
  await outcomes.close();
  assert.deepEqual(await outcomes.all(), []);
  assert.deepEqual(emulator.requests(), []);
});

scene("bad input is refused at once", async (emulator, client) => {
  for (const [turns, options, text] of [
    ["a text", {}, "`turns` is a string"],
    [{ prompt: "one" }, {}, "`turns` is no list"],
    [["fine", 5], {}, "index 1"],
    [["fine", " "], {}, "index 1: `prompt` is empty"],
    [[{ prompt: "x", model: "y" }], {}, "index 0: There is no option `model`"],
    [[{ mode: "code" }], {}, "index 0: `prompt` must be a string"],
    [[{ prompt: "x", files: [Buffer.from("y")] }], {}, "index 0: `files[0]` must be a path"],
    [[{ prompt: "x", files: ["missing.txt"] }], {}, "index 0: `files[0]`"],
    [["fine"], { timeout: -1 }, "`timeout`"],
    [["fine"], { signal: 5 }, "`signal`"],
  ]) {
    const error = await failure(async () => client.runTurns(turns, options));
    assert.ok(error instanceof InvalidRequestError, String(error));
    assert.ok(error.message.includes(text), error.message);
  }
  assert.deepEqual(emulator.requests(), []);
});

scene(
  "a session is watched by a loop that is left and another that goes on",
  async (_, client) => {
    const session = client.session();
    const result = await session.runTurn("go");
    const seen = [];
    for await (const event of session.events({ pollInterval: 10 })) {
      seen.push(event);
      if (seen.length === 2) break;
    }
    assert.deepEqual(
      seen.map(({ id, text, messageId }) => [id, text, messageId]),
      [
        [1, "go", result.messageId],
        [2, "a", result.messageId],
      ],
    );
    const rest = await all(session.events({ pollInterval: 10, after: seen[1], timeout: 1500 }));
    assert.deepEqual(
      rest.map(({ id }) => id),
      [3, 4],
    );
    const last = { ...result, lastStreamEntryId: null, lastEventId: 3 };
    assert.equal(
      (await all(session.events({ pollInterval: 10, after: last, timeout: 1500 }))).length,
      1,
    );
    const controller = new AbortController();
    const aborted = failure(() =>
      all(session.events({ includeHistory: false, signal: controller.signal })),
    );
    controller.abort(new Error("enough"));
    assert.equal((await aborted).message, "enough");
    for (const options of [
      { pollInterval: 0 },
      { timeout: -1 },
      { maxReconnects: 1.5 },
      { after: "1-0" },
      { after: { ...last, sessionId: client.session().sessionId } },
      { pollIntervall: 10 },
    ]) {
      const error = await failure(async () => session.events(options));
      assert.ok(error instanceof InvalidRequestError, String(error));
    }
    await session.delete();
    const gone = await failure(() => all(session.events({ after: rest[1] })));
    assert.ok(gone instanceof StreamError);
    assert.equal(gone.reason, "session_gone");
  },
  { emulator: { scenario: SPOKEN } },
);

function milliseconds({ timeout, ...options } = {}) {
  return camelKeys(timeout === undefined ? options : { ...options, timeout: timeout * 1000 });
}

for (const given of cases("turn_runs.json")) {
  const { id, expect } = given;
  test(id, async () => {
    const emulator = await Emulator.start({
      stepDelay: 0,
      scenario: MIXED,
      ...camelKeys(given.emulator ?? {}),
    });
    const client = emulator.raccoon(camelKeys(given.client ?? {}));
    try {
      for (const fault of given.faults ?? []) emulator.fail(camelKeys(fault));
      const sessions = new Map();
      const turns = given.turns.map((turn) => {
        if (typeof turn === "string") return turn;
        const { prompt, session, session_id: sessionId } = turn;
        if (session === undefined) return { prompt, sessionId };
        if (!sessions.has(session)) sessions.set(session, client.session().sessionId);
        return { prompt, sessionId: sessions.get(session) };
      });
      const options = milliseconds(given.options);
      if (expect.error !== undefined) {
        check(await failure(async () => client.runTurns(turns, options)), expect.error);
        assert.deepEqual(emulator.requests(), []);
        return;
      }
      const outcomes = await client.runTurns(turns, options).all();
      assert.deepEqual(told(outcomes), expect.told);
      assert.deepEqual(
        outcomes.map(({ sent }) => sent),
        expect.sent,
      );
      assert.equal(starts(emulator), expect.requests);
      for (const [name, prompts] of Object.entries(expect.prompts ?? {})) {
        const { messages } = await client.session(sessions.get(name)).history();
        const said = messages.filter(({ role }) => role === "user");
        assert.deepEqual(
          said.map(({ content }) => content),
          prompts,
        );
      }
    } finally {
      await client.close();
      await emulator.close();
    }
  });
}

for (const given of cases("session_events.json")) {
  const { id, expect } = given;
  test(id, async () => {
    const emulator = await Emulator.start({
      stepDelay: 0,
      scenario: SPOKEN,
      ...camelKeys(given.emulator ?? {}),
    });
    const reader = emulator.raccoon(camelKeys(given.client ?? {}));
    const other = emulator.raccoon();
    try {
      const session = reader.session();
      const turn = async () => (await other.session(session.sessionId).runTurn("go")).messageId;
      const messages = [];
      for (let n = 0; n < given.turns; n += 1) messages.push(await turn());
      const options = { ...milliseconds(given.options), pollInterval: 10 };
      let first = 0;
      if (given.after !== undefined) {
        const before = session.events({ pollInterval: 10 });
        for (first = 0; first <= given.after; first += 1)
          options.after = (await before.next()).value;
        await before.close();
      }
      for (const fault of given.faults ?? []) emulator.fail(camelKeys(fault));
      const events = session.events(options);
      const read = async (ids, of, from) => {
        for (const [at, wanted] of ids.entries()) {
          const { value } = await events.next();
          assert.equal(value.id, wanted);
          assert.equal(value.messageId, of[Math.floor((from + at) / 4)]);
        }
      };
      await read(expect.ids, messages, first);
      if (given.then === "turn") await read(expect.more, [await turn()], 0);
      if (given.then === "delete") await session.delete();
      if (given.then === "close") await reader.close();
      if (expect.error !== undefined) check(await failure(() => events.next()), expect.error);
      if (expect.ends || expect.error !== undefined) assert.equal((await events.next()).done, true);
    } finally {
      await reader.close();
      await other.close();
      await emulator.close();
    }
  });
}
