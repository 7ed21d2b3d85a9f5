// Pools of sessions.

import assert from "node:assert/strict";
import { test } from "node:test";
import { APIConnectionError, Emulator, InvalidRequestError, TaskTimeout } from "sessionwire";
import { failure, until } from "./helpers.mjs";

async function setup(t, options = {}) {
  const emulator = await Emulator.start({ stepDelay: 1, browser: "builtin", ...options });
  emulator.scenario({
    tasks: [{ steps: [{ thought: "hm" }, { done: "here" }], once: false }],
  });
  const client = emulator.agi();
  t.after(async () => {
    await client.close();
    await emulator.close();
  });
  return { emulator, client };
}

test("g05 a hundred tasks share five sessions through ten failures", async (t) => {
  const { emulator, client } = await setup(t, { sessionLimit: 5 });
  emulator.fail({ on: "create", status: 403, times: 2 });
  emulator.fail({ on: "delete", status: 500, times: 2 });
  const pool = client.sessions.pool(8);
  const work = (number) =>
    pool.withSession(async (session) => {
      await session.runTask("go");
      assert.ok(emulator.sessionCount <= 5);
      if (number % 17 === 5) throw new Error("its user failed");
    });
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, at) => work(at)));
  assert.equal(outcomes.filter((outcome) => outcome.status === "rejected").length, 8);
  await pool.close();
  assert.equal(emulator.sessionCount, 0);
});

test("a session is used again unless its work failed", async (t) => {
  const { emulator, client } = await setup(t);
  const pool = client.sessions.pool(1);
  const first = await pool.withSession((session) => session.sessionId);
  const error = new Error("enough");
  assert.equal(
    await failure(() =>
      pool.withSession((session) => {
        assert.equal(session.sessionId, first);
        throw error;
      }),
    ),
    error,
  );
  assert.notEqual(await pool.withSession((session) => session.sessionId), first);
  const pooled = await pool.session();
  await pooled[Symbol.asyncDispose]();
  await pooled.release();
  assert.equal(emulator.sessionCount, 1);
  await pool[Symbol.asyncDispose]();
  assert.equal(emulator.sessionCount, 0);
});

test("a session that is too old is replaced", async (t) => {
  const { emulator, client } = await setup(t);
  const pool = client.sessions.pool(1, { maxAge: 0.000_001 });
  const ids = new Set();
  for (let at = 0; at < 3; at += 1) {
    ids.add(await pool.withSession((session) => session.sessionId));
  }
  assert.equal(ids.size, 3);
  assert.equal(emulator.sessionCount, 0);
});

test("g04 a wait has an end", async (t) => {
  const { emulator, client } = await setup(t);
  const pool = client.sessions.pool(1);
  const held = await pool.session();
  assert.ok((await failure(() => pool.session({ timeout: 20 }))) instanceof TaskTimeout);
  const waiting = failure(() => pool.session());
  await pool.close();
  assert.match((await waiting).message, /pool is closed/);
  await held.release();
  assert.equal(emulator.sessionCount, 0);
  const other = client.sessions.pool(1);
  await other.session();
  const closed = failure(() => other.session());
  await client.close();
  assert.ok((await closed) instanceof APIConnectionError);
  assert.equal(emulator.sessionCount, 0);
});

test("g06 an aborted wait gives its place on", async (t) => {
  const { emulator, client } = await setup(t);
  const pool = client.sessions.pool(1);
  for (let turns = 0; turns < 50; turns += 1) {
    const controller = new AbortController();
    const waiting = Array.from({ length: 5 }, () =>
      pool.withSession(() => {}, { signal: controller.signal }),
    );
    const settled = Promise.allSettled(waiting);
    for (let at = 0; at < turns; at += 1) await new Promise(setImmediate);
    controller.abort();
    await settled;
  }
  await pool.withSession(() => {}, { timeout: 10_000 });
  await pool.close();
  assert.equal(emulator.sessionCount, 0);
});

test("a limit of the service is waited for", async (t) => {
  const { emulator, client } = await setup(t, { sessionLimit: 1 });
  const other = await client.sessions.create();
  const pool = client.sessions.pool(1);
  const waiting = pool.session({ timeout: 30_000 });
  await until(() => emulator.requests({ method: "POST", status: 503 }).length > 0);
  await other.delete();
  await (await waiting).release();
  await pool.close();
  assert.equal(emulator.sessionCount, 0);
});

test("g08 a session that was given back cannot be used", async (t) => {
  const { emulator, client } = await setup(t);
  const pool = client.sessions.pool(1);
  const kept = await pool.withSession(async (session) => {
    const task = await session.startTask("go");
    await task.result();
    const stream = session.events({ includeHistory: false });
    // Those of the task and of the stream: none is on its way when it is given back.
    await until(
      () => emulator.requests({ method: "GET", path: "/v1/sessions/*/events" }).length === 2,
    );
    return { session, task, stream };
  });
  const pooled = await pool.session();
  await pooled.release();
  const requests = emulator.requests().length;
  for (const use of [
    () => kept.session.messages(),
    () => kept.session.sendMessage("again"),
    () => kept.session.startTask("again"),
    () => kept.session.runTask("again"),
    () => kept.session.prepareTask("again"),
    () => kept.session.screenshot(),
    () => kept.session.delete(),
    async () => kept.session.events(),
    () => kept.task.status(),
    () => kept.stream.next(),
    () => pooled.session.refresh(),
  ]) {
    const error = await failure(use);
    assert.ok(error instanceof InvalidRequestError, String(error));
    assert.match(error.message, /was given back to its pool/);
  }
  assert.equal(emulator.requests().length, requests);
  const { text } = await pool.withSession((session) => session.runTask("go"));
  assert.equal(text, "here");
});

test("g08 a pool of no use is refused", async (t) => {
  const { client } = await setup(t);
  assert.throws(() => client.sessions.pool(0), InvalidRequestError);
  assert.throws(() => client.sessions.pool(1, { maxAge: 0 }), /maxAge/);
  assert.throws(() => client.sessions.pool(1, { max_age: 1 }), InvalidRequestError);
});
