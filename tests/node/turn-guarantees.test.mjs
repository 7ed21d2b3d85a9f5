// What holds for turns as it does for tasks, beside the shared cases.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { inspect } from "node:util";
import { Worker } from "node:worker_threads";
import { APIConnectionError, Emulator, NotFoundError, Raccoon, TaskTimeout } from "sessionwire";
import { all, failure, node, turnFlood, until, using } from "./helpers.mjs";

// A turn that waits in its middle; others answer at once.
const scenario = {
  turns: [
    {
      match: "hold",
      once: false,
      steps: [{ text: "a" }, { wait_for_message: true }, { text: "{message}" }],
    },
    { once: false, steps: [{ text: "ok" }] },
  ],
};

async function withClient(work, options = {}) {
  const emulator = await Emulator.start({ stepDelay: 0, scenario, maxTurns: 1000, ...options });
  await using(emulator, () => using(emulator.raccoon(), (client) => work(client, emulator)));
}

function environment(emulator) {
  return { RACCOON_API_KEY: emulator.apiKey, RACCOON_BASE_URL: emulator.raccoonUrl };
}

/** The next event; a loop that comes later goes on after it. */
function next(turn) {
  return turn[Symbol.asyncIterator]().next();
}

/** A turn that waits in its middle, with the events up to there read. */
async function held(session, options) {
  const turn = await session.startTurn("hold", options);
  assert.deepEqual([(await next(turn)).value.id, (await next(turn)).value.id], [1, 2]);
  return turn;
}

/** What came before is read already: the rest comes once and in order. */
async function endsWell(turn) {
  await turn.sendMessage("b");
  assert.deepEqual(
    (await all(turn)).map((event) => event.id),
    [3, 4, 5],
  );
  assert.equal((await turn.result()).text, "ab");
}

test("g05 a session that shall not stay is deleted on every way out, and a failed delete is reported", () =>
  withClient(async (client, emulator) => {
    const mine = new Error("mine");
    const ways = [
      () => Promise.reject(mine),
      (session) => session.runTurn("hold", { timeout: 50 }),
      (session) => session.runTurn("x"),
    ];
    for (const [at, way] of ways.entries()) {
      const session = client.session(undefined, { deleteOnExit: true });
      const error = await failure(async () => {
        await using(session, way);
        throw new Error("no error");
      });
      assert.ok([error === mine, error instanceof TaskTimeout, true][at], error);
      await assert.rejects(session.history(), NotFoundError);
    }
    emulator.fail({ on: "delete", status: 403, body: { detail: "No" } });
    const warned = once(process, "warning");
    const session = client.session(undefined, { deleteOnExit: true });
    assert.equal(
      await failure(() =>
        using(session, async () => {
          await session.runTurn("x");
          throw mine;
        }),
      ),
      mine,
    );
    assert.match((await warned)[0].message, /could not be deleted.*answered 403: No/);
  }));

test("g05 a loop that throws frees the socket of its turn", () =>
  withClient(async (client, emulator) => {
    const mine = new Error("mine");
    const thrown = await failure(async () =>
      using(await client.session().startTurn("hold"), async (turn) => {
        for await (const event of turn) {
          assert.equal(event.id, 1);
          assert.equal(emulator.openStreams, 1);
          throw mine;
        }
      }),
    );
    assert.equal(thrown, mine);
    await until(() => emulator.openStreams === 0);
  }));

test("g05 a process with an open turn ends by process.exit, and at once when the turn is closed", () =>
  withClient(async (_client, emulator) => {
    const waiting = "turn.result().catch(() => {})";
    for (const end of [
      "await turn.close()",
      `${waiting}; await client.close()`,
      `${waiting}; process.exit(0)`,
    ]) {
      const code = `
        import { Raccoon } from "sessionwire";
        const client = new Raccoon();
        const turn = await client.session().startTurn("hold");
        await turn[Symbol.asyncIterator]().next();
        ${end};
      `;
      const args = ["--input-type=module", "--eval", code];
      const ended = await node(args, { env: environment(emulator) });
      assert.deepEqual([ended.code, ended.stderr], [0, ""], end);
      await until(() => emulator.openStreams === 0);
    }
  }));

for (const name of ["result", "stop", "sendMessage", "next", "runTurn", "startTurn", "upload"]) {
  test(`g06 a signal ends ${name} and leaves client and turn usable`, () =>
    withClient(async (client, emulator) => {
      const session = client.session();
      const controller = new AbortController();
      const { signal } = controller;
      const reason = new Error("enough");
      let turn;
      let pending;
      if (name === "sendMessage") {
        emulator.fail({ on: "socket", status: 503, times: 0 });
        turn = await session.startTurn("hold", { maxReconnects: 30 });
        pending = turn.sendMessage("never", { signal });
        await emulator.waitForRequest({ path: "/ws/sessions/*" });
      } else if (name === "runTurn" || name === "startTurn" || name === "upload") {
        const on = name === "upload" ? "upload" : "start_turn";
        emulator.fail({ on, hang: true });
        pending =
          name === "upload"
            ? session.upload(Buffer.from("x"), { signal })
            : session[name]("hold", { signal });
        await emulator.waitForRequest({ method: name === "upload" ? "PUT" : "POST" });
      } else {
        if (name === "stop") emulator.fail({ on: "socket", ignore_frames: true });
        turn = await held(session, name === "next" ? { signal } : {});
        pending = name === "next" ? next(turn) : turn[name]({ signal, timeout: 60_000 });
      }
      controller.abort(reason);
      assert.equal(await failure(() => pending), reason);
      emulator.clearFaults();
      if (name === "sendMessage") {
        await turn.sendMessage("b");
        const events = await all(turn);
        assert.deepEqual(
          events.map((event) => event.id),
          [1, 2, 3, 4, 5],
        );
        // What nobody waits for any more is not sent.
        assert.equal((await turn.result()).text, "ab");
      } else if (name === "stop") {
        const other = await client.attach(session.sessionId, turn.messageId);
        assert.equal((await other.stop()).confirmed, true);
        assert.deepEqual(
          (await all(turn)).map((event) => event.id),
          [3],
        );
        await other.close();
      } else if (name === "next") {
        const point = turn.resumePoint;
        const after = { after: point };
        await endsWell(await client.attach(point.sessionId, point.messageId, after));
      } else {
        await endsWell(turn ?? (await held(session)));
      }
    }));
}

test("g07 the key of a turn's socket is shown nowhere", async () => {
  const key = "sk-a/very secret+key";
  const emulator = await Emulator.start({ apiKeys: [key], scenario, stepDelay: 0 });
  await using(emulator, () =>
    using(emulator.raccoon({ apiKey: key }), async (client) => {
      const turn = await held(client.session());
      const shown = [client, turn, turn.resumePoint];
      for (const fault of [
        { status: 401, body: key },
        { status: 404, body: `?token=${encodeURIComponent(key)}` },
        { end_after: 0, close_code: 1008, close_reason: `bad ${key}` },
      ]) {
        emulator.fail({ on: "socket", ...fault });
        const again = await client.attach(turn.sessionId, turn.messageId);
        shown.push(await failure(() => again.result()));
      }
      await turn.close();
      const text = inspect(shown, { depth: 9, showHidden: true }) + JSON.stringify(shown);
      for (const form of ["very secret", "very%20secret", "very+secret", "secret+key"]) {
        assert.ok(!text.includes(form), text);
      }
    }),
  );
});

test("g10 a slow reader of a turn holds the server back", async () => {
  const last = 60_000;
  const server = await turnFlood(last);
  await using(new Raccoon({ baseUrl: server.url, apiKey: "some-key" }), async (client) => {
    const turn = await client.session().startTurn("go");
    const ids = [(await next(turn)).value.id];
    assert.ok((await server.held) < 40 * 1024 * 1024);
    server.goOn();
    for await (const event of turn) ids.push(event.id);
    assert.equal((await turn.result()).text, "done");
    assert.deepEqual(
      ids,
      Array.from({ length: last }, (_, at) => at + 1),
    );
  });
  await server.close();
});

test("g11 many workers run turns at once, beside this thread", () =>
  withClient(async (client, emulator) => {
    const code = `
      const { parentPort } = require("node:worker_threads");
      const { Raccoon } = require("sessionwire");
      (async () => {
        const client = new Raccoon();
        const texts = [];
        for (let n = 0; n < 3; n += 1) {
          const ids = [];
          const result = await client.runTurn("x", { onEvent: (event) => ids.push(event.id) });
          texts.push(result.text + ids);
        }
        await client.close();
        parentPort.postMessage(texts);
      })();
    `;
    const env = { ...process.env, ...environment(emulator) };
    const workers = Array.from({ length: 6 }, () => new Worker(code, { eval: true, env }));
    const ended = workers.map((worker) => once(worker, "exit"));
    const own = client.runTurn("x");
    for (const [texts] of await Promise.all(workers.map((worker) => once(worker, "message")))) {
      assert.deepEqual(texts, ["ok1,2,3", "ok1,2,3", "ok1,2,3"]);
    }
    assert.equal((await own).text, "ok");
    // With nothing open a worker ends by itself.
    assert.deepEqual(await Promise.all(ended), Array(6).fill([0]));
  }));

test("g11 a worker that ends in the middle of turns leaves this thread alone", () =>
  withClient(async (client, emulator) => {
    const turn = await held(client.session());
    for (const end of ["terminate", "exit"]) {
      const worker = new Worker(
        `
        const { parentPort, workerData } = require("node:worker_threads");
        const { Raccoon } = require("sessionwire");
        (async () => {
          const client = new Raccoon();
          const turn = await client.session().startTurn("hold");
          await turn[Symbol.asyncIterator]().next();
          client.runTurn("hold").catch(() => {});
          turn.result().catch(() => {});
          parentPort.postMessage("waiting");
          if (workerData === "exit") process.exit(7);
        })();
        `,
        { eval: true, workerData: end, env: { ...process.env, ...environment(emulator) } },
      );
      const exited = once(worker, "exit");
      await once(worker, "message");
      if (end === "terminate") await worker.terminate();
      assert.deepEqual(await exited, [end === "terminate" ? 1 : 7]);
      // Only this thread's turn is left.
      await until(() => emulator.openStreams === 1);
    }
    await endsWell(turn);
  }));

test("g11 one client runs many turns at once, and its end ends them all", () =>
  withClient(async (client, emulator) => {
    const results = await Promise.all(Array.from({ length: 30 }, () => client.runTurn("x")));
    assert.ok(results.every((result) => result.text === "ok"));
    const turns = await Promise.all(Array.from({ length: 5 }, () => held(client.session())));
    const waits = turns.map((turn) => failure(() => turn.result()));
    await client.close();
    for (const error of await Promise.all(waits)) assert.ok(error instanceof APIConnectionError);
    await until(() => emulator.openStreams === 0);
  }));
