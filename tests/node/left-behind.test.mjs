// Creates whose caller left: aborted, timed out, interrupted. No session stays, or it is told.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, beforeEach, test } from "node:test";
import { Emulator } from "sessionwire";
import { cases, programFile, root, script, until, using } from "./helpers.mjs";

/** Each row is repeated so often. */
const TIMES = 50;

let emulator;
let env;

before(async () => {
  emulator = await Emulator.start({ stepDelay: 0, scenario: script({ delay: 3600 }) });
  env = { AGI_BASE_URL: emulator.url, AGI_API_KEY: emulator.apiKey };
});

beforeEach(async () => {
  emulator.clearFaults();
  const client = emulator.agi();
  await client.sessions.deleteAll();
  await client.close();
  emulator.clearRequests();
});

after(() => emulator.close());

const creates = () => emulator.requests({ method: "POST", path: "/v1/sessions" }).length;

/** Makes the calls, and closes the client once every create is under way. */
async function cutShort(call, cut) {
  emulator.fail({ on: "create", delay: 0.5, times: 0 });
  const client = emulator.agi();
  const calls = Array.from({ length: TIMES }, () => call(client));
  const ends = Promise.allSettled(calls);
  await until(() => creates() === TIMES);
  await cut(client);
  const outcomes = await ends;
  await client.close();
  assert.equal(emulator.sessionCount, 0);
  return outcomes.map(({ reason }) => reason?.name);
}

test("g05 an aborted create leaves no session", async () => {
  for (const call of ["runTask", "create"]) {
    emulator.clearRequests();
    const aborter = new AbortController();
    const { signal } = aborter;
    const names = await cutShort(
      (client) =>
        call === "create" ? client.sessions.create({ signal }) : client.runTask("go", { signal }),
      () => aborter.abort(),
    );
    assert.deepEqual(names, Array(TIMES).fill("AbortError"));
  }
});

test("g05 a create whose time is up leaves no session", async () => {
  emulator.fail({ on: "create", delay: 1, times: 0 });
  const client = emulator.agi();
  const calls = Array.from({ length: TIMES }, () => client.runTask("go", { timeout: 400 }));
  const outcomes = await Promise.allSettled(calls);
  assert.deepEqual([...new Set(outcomes.map(({ reason }) => reason?.name))], ["TaskTimeout"]);
  assert.ok(creates() > 0);
  await client.close();
  assert.equal(emulator.sessionCount, 0);
});

test("g05 a close during creates leaves no session", async () => {
  const names = await cutShort(
    (client) => client.sessions.create(),
    (client) => client.close(),
  );
  assert.deepEqual(names, Array(TIMES).fill("APIConnectionError"));
});

test("g05 a close during tasks leaves no session", async () => {
  const client = emulator.agi();
  const ends = Promise.allSettled(Array.from({ length: TIMES }, () => client.runTask("go")));
  await until(
    () => emulator.requests({ path: "/v1/sessions/*/message", status: 200 }).length === TIMES,
  );
  await client.close();
  await ends;
  assert.equal(emulator.sessionCount, 0);
});

test("g05 what is left is told at the close", async () => {
  emulator.fail({ on: "create", delay: 0.3, times: 0 });
  emulator.fail({ on: "delete", status: 403, body: { detail: "No" }, times: 0 });
  const client = emulator.agi();
  const aborter = new AbortController();
  const creating = assert.rejects(client.sessions.create({ signal: aborter.signal }));
  await until(() => creates() === 1);
  aborter.abort();
  await creating;
  const warned = once(process, "warning");
  await client.close();
  const [warning] = await warned;
  assert.equal(warning.name, "SessionwireWarning");
  assert.match(warning.message, /could not be deleted and may go on costing.*No/);
});

test("g05 a delete that the service did not carry out is told", async () => {
  const client = emulator.agi();
  const session = await client.sessions.create();
  emulator.fail({ on: "delete", status: 200, body: { success: false, message: "busy" } });
  const warned = once(process, "warning");
  await session[Symbol.asyncDispose]();
  const [warning] = await warned;
  assert.match(warning.message, /could not be deleted.*busy/);
  await client.close();
});

for (const { id, call, cut, faults, sessions, reports } of cases("left_behind.json")) {
  test(id, async () => {
    for (const fault of faults) emulator.fail(fault);
    const client = emulator.agi();
    const told = [];
    const listen = (warning) => told.push(warning.message);
    process.on("warning", listen);
    if (call === "block") {
      await using(await client.sessions.create(), () => client.close());
    } else {
      const aborter = new AbortController();
      const creating = assert.rejects(client.sessions.create({ signal: aborter.signal }));
      await until(() => creates() === 1);
      if (cut === "cancel") aborter.abort();
      else await client.close();
      await creating;
    }
    await client.close();
    // Warnings come with the next tick.
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", listen);
    assert.equal(emulator.sessionCount, sessions);
    assert.equal(told.length, reports === undefined ? 0 : 1, told.join());
    for (const part of reports ?? []) assert.ok(told[0].includes(part), told[0]);
    assert.equal(creates(), 1);
  });
}

/** Starts a program; once its create is under way, what it gave to `later` is called, and the signals come. */
async function program(code, signals = []) {
  const child = spawn(process.execPath, [programFile(code)], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  // It may have ended.
  child.stdin.on("error", () => {});
  let shown = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      shown += chunk;
    });
  }
  const closed = once(child, "close");
  await until(() => creates() > 0 || child.exitCode !== null, shown);
  child.stdin.end("now");
  for (const signal of signals) child.kill(signal);
  const [status, by] = await closed;
  return { status, by, shown };
}

const agi = `
  import { Agi } from "sessionwire";
  const later = (call) => process.stdin.once("data", call);
`;

const TERMINATED = "a worker that is terminated";

for (const [what, code, status] of [
  [
    "an abort without a close",
    "const a = new AbortController(); later(() => a.abort()); await new Agi().runTask('go', { signal: a.signal }).catch(() => {});",
    0,
  ],
  ["process.exit", "new Agi().sessions.create(); later(() => process.exit(3));", 3],
  [
    "an uncaught error",
    "new Agi().sessions.create(); later(() => { throw new Error('mine'); });",
    1,
  ],
  [
    TERMINATED,
    `import { Worker } from "node:worker_threads";
     const worker = new Worker('new (require("sessionwire").Agi)().sessions.create()', { eval: true, execArgv: [] });
     later(() => worker.terminate());`,
    0,
  ],
]) {
  // Deno tells nobody, not even native code, that it terminated a worker (docs/field.md).
  const skip = "Deno" in globalThis && what === TERMINATED;
  test(`g05 a program that ends during a create leaves no session: ${what}`, { skip }, async () => {
    emulator.fail({ on: "create", delay: 1, times: 0 });
    const end = await program(`${agi} ${code}`);
    assert.deepEqual([end.status, end.by], [status, null], end.shown);
    assert.doesNotMatch(end.shown, /may go on costing/);
    assert.equal(creates(), 1);
    await until(() => emulator.sessionCount === 0);
  });
}

// The listener of version 3 of the package `signal-exit`, in short.
const third = `
  const emitter = (process.__signal_exit_emitter__ = { count: 1 });
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    const listener = () => {
      if (process.listeners(name).length !== emitter.count) return;
      process.removeListener(name, listener);
      console.log("cleaned up");
      process.kill(process.pid, name);
    };
    process.on(name, listener);
  }
`;
const fourth = `
  const { onExit } = await import("signal-exit");
  onExit(() => console.log("cleaned up"));
`;

const client = "const client = new Agi({ deleteSessionsOnExit: true });";
const create = "client.sessions.create(); setTimeout(() => {}, 60_000);";

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
  for (const [what, other] of [
    ["alone", ""],
    ["beside signal-exit 3", third],
    ["beside signal-exit 4", fourth],
    ["beside both", fourth + third],
  ]) {
    test(`g05 ${signal} during a create leaves no session: ${what}`, async () => {
      emulator.fail({ on: "create", delay: 0.5, times: 0 });
      for (const order of [other + client, client + other]) {
        for (const signals of [[signal], [signal, signal]]) {
          emulator.clearRequests();
          const end = await program(`${agi} ${order} ${create}`, signals);
          assert.deepEqual([end.status, end.by], [null, signal], end.shown);
          if (other !== "") assert.match(end.shown, /cleaned up/);
          assert.equal(emulator.sessionCount, 0, end.shown);
          assert.equal(creates(), 1);
        }
      }
    });
  }
}
