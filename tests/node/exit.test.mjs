// What is left behind when a program ends: nothing, or a report.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, beforeEach, test } from "node:test";
import { Emulator } from "sessionwire";
import { programFile, root, runProgram, runtime, script, until } from "./helpers.mjs";

let emulator;
let env;

before(async () => {
  emulator = await Emulator.start({ stepDelay: 1, scenario: script({ delay: 3600 }) });
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

const isDeno = /\bdeno$/.test(runtime[0]);

const setup = `
  import { Agi } from "sessionwire";
  const client = new Agi({ deleteSessionsOnExit: true });
  const session = await client.sessions.create();
`;

function run(code) {
  return runProgram(code, { env });
}

/** Sends the signal once the program is ready; how it ended and all that it printed. */
async function signalled(code, signal, again) {
  const child = spawn(runtime[0], [...runtime.slice(1), programFile(code)], {
    cwd: root,
    env: { ...process.env, ...env },
  });
  let shown = "";
  child.stdout.on("data", (chunk) => {
    shown += chunk;
  });
  child.stderr.on("data", (chunk) => {
    shown += chunk;
  });
  const closed = once(child, "close");
  await until(() => shown.startsWith("ready\n") || child.exitCode !== null, "the program is ready");
  shown = shown.slice("ready\n".length);
  child.kill(signal);
  if (again !== undefined) await again(child);
  const [status, by] = await closed;
  return { status, by, shown };
}

for (const [end, status] of [
  ["", 0],
  ["process.exit(3);", 3],
  ["process.exitCode = 4;", 4],
  ['throw new Error("mine");', 1],
  ['Promise.reject(new Error("mine"));', 1],
  ["await client.close();", 0],
  ["await client.withOptions({ timeout: 9000 }).sessions.create();", 0],
  ["await new Agi({ deleteSessionsOnExit: true }).sessions.create();", 0],
  ["await session.delete();", 0],
]) {
  test(`g05 sessions are deleted at exit: ${end}`, async () => {
    const done = await run(`${setup} ${end}`);
    assert.equal(done.code, status, done.stderr);
    assert.equal(emulator.sessionCount, 0);
    assert.doesNotMatch(done.stderr, /could not be deleted/);
    const created = emulator.requests({ method: "POST", path: "/v1/sessions" }).length;
    assert.equal(emulator.requests({ method: "DELETE" }).length, created);
  });
}

test("g05 without the option they stay", async () => {
  const done = await run(setup.replace("deleteSessionsOnExit: true", ""));
  assert.deepEqual([done.code, done.stderr], [0, ""]);
  assert.equal(emulator.sessionCount, 1);
});

test("g05 the snapshot that was asked for is kept", async () => {
  await run(setup.replace("create()", 'create({ saveSnapshotMode: "filesystem" })'));
  const [request] = emulator.requests({ method: "DELETE" });
  assert.equal(request.query, "save_snapshot_mode=filesystem");
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
  for (const wait of [
    "setTimeout(() => {}, 60_000);",
    'await session.runTask("go");',
    "for await (const _ of session.events());",
  ]) {
    test(`g05 sessions are deleted on ${signal}: ${wait}`, async () => {
      const end = await signalled(`${setup} console.log("ready"); ${wait}`, signal);
      assert.deepEqual([end.status, end.by], [null, signal], end.shown);
      assert.equal(emulator.sessionCount, 0);
    });
  }
}

// As where a program that runs this one passes on the Ctrl-C that both got.
test("g05 a signal that comes again at once is the same signal", async () => {
  // Who ends here leaves the session: the first attempt deletes nothing.
  emulator.fail({ on: "delete", status: 503, delay: 0.3, headers: { "Retry-After": "0" } });
  const deletes = () => emulator.requests({ method: "DELETE" }).length;
  const end = await signalled(
    `${setup} console.log("ready"); setTimeout(() => {}, 60_000);`,
    "SIGINT",
    async (child) => {
      child.kill("SIGINT");
      await until(() => deletes() === 1, "the delete is under way");
      child.kill("SIGINT");
    },
  );
  assert.deepEqual([end.status, end.by], [null, "SIGINT"], end.shown);
  assert.equal(end.shown, "");
  assert.deepEqual([deletes(), emulator.sessionCount], [2, 0]);
});

for (const way of ["on", "once"]) {
  for (const order of ["before", "after"]) {
    // Deno calls listeners in no order of ours, and one of `once` that it called is gone.
    const skip = isDeno && way === "once" && order === "before";
    test(`g05 a listener of the user's own is left alone: ${way}, ${order}`, { skip }, async () => {
      const listener = `process.${way}("SIGTERM", async () => {
        console.log("mine");
        await session.executionStatus(); // the session is still there
        process.exit(7);
      });`;
      const code = order === "before" ? `${listener} ${setup}` : `${setup} ${listener}`;
      const end = await signalled(
        `${code} console.log("ready"); setTimeout(() => {}, 60_000);`,
        "SIGTERM",
      );
      assert.deepEqual(end, { status: 7, by: null, shown: "mine\n" });
      assert.equal(emulator.sessionCount, 0);
    });
  }
}

test("g05 a worker's sessions are deleted when it ends", async () => {
  const done = await run(`
    import { Worker } from "node:worker_threads";
    import { once } from "node:events";
    const worker = new Worker(\`
      const { Agi } = require("sessionwire");
      new Agi({ deleteSessionsOnExit: true }).sessions.create();
    \`, { eval: true, execArgv: [] });
    await once(worker, "exit");
  `);
  assert.deepEqual([done.code, done.stderr], [0, ""]);
  assert.equal(emulator.requests({ method: "POST", path: "/v1/sessions" }).length, 1);
  assert.equal(emulator.sessionCount, 0);
});

test("g05 a delete that fails at exit is reported", async () => {
  emulator.fail({ on: "delete", status: 403, body: { detail: "No" }, times: 0 });
  const done = await run(`${setup} console.log(session.sessionId); process.exit(3);`);
  assert.equal(done.code, 3);
  const report = `SessionwireWarning: The session ${done.stdout.trim()} could not be deleted at exit`;
  assert.ok(done.stderr.includes(report), done.stderr);
  assert.match(done.stderr, /answered 403: No/);
});

test("g05 the exit does not wait for ever", async () => {
  emulator.fail({ on: "delete", hang: true, times: 0 });
  const end = await signalled(
    `${setup} console.log("ready"); setTimeout(() => {}, 60_000);`,
    "SIGTERM",
  );
  assert.deepEqual([end.status, end.by], [null, "SIGTERM"]);
  assert.match(end.shown, /could not be deleted at exit.*within 5 s/);
});

test("g05 every way out of `await using` deletes, and a failed delete is reported", async () => {
  const client = emulator.agi();
  const report = once(process, "warning");
  for (const fails of [false, true]) {
    emulator.clearRequests();
    if (fails) emulator.fail({ on: "delete", status: 403, body: { detail: "No" } });
    const session = await client.sessions.create();
    await session[Symbol.asyncDispose]();
    assert.equal(emulator.requests({ method: "DELETE" }).length, 1);
    assert.equal(emulator.sessionCount, fails ? 1 : 0);
  }
  const [warning] = await report;
  assert.equal(warning.name, "SessionwireWarning");
  assert.match(warning.message, /could not be deleted.*answered 403: No/);
  await client.close();
});

test("g05 runTask deletes its session on every way out", async () => {
  const client = emulator.agi();
  // On a busy machine the time is over before the session is there.
  await assert.rejects(client.runTask("x", { timeout: 50 }), /did not end|was not created/);
  await until(() => emulator.sessionCount === 0);
  emulator.clearRequests();
  const aborter = new AbortController();
  const aborted = assert.rejects(client.runTask("x", { signal: aborter.signal }), /mine/);
  await until(
    () => emulator.requests({ path: "/v1/sessions/*/message", status: 200 }).length === 1,
  );
  aborter.abort(new Error("mine"));
  await aborted;
  await until(() => emulator.sessionCount === 0);
  await client.close();
});
