// Programs that hold more than one of us: copies of the package, workers. Nothing is left behind.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { Emulator } from "sessionwire";
import { programFile, root, runProgram, runtime, script, until } from "./helpers.mjs";

/** Another copy of the package, as a dependency may bring one along. */
const copy = join(root, "target/programs", `copy-${process.pid}`);

let emulator;
let env;

before(async () => {
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(join(copy, "dist"), { recursive: true });
  for (const folder of ["cjs", "esm"]) {
    cpSync(join(root, "dist", folder), join(copy, "dist", folder), { recursive: true });
  }
  symlinkSync(join(root, "dist/native"), join(copy, "dist/native"));
  cpSync(join(root, "package.json"), join(copy, "package.json"));
  emulator = await Emulator.start({ stepDelay: 1, scenario: script({ delay: 3600 }) });
  env = { AGI_BASE_URL: emulator.url, AGI_API_KEY: emulator.apiKey };
});

beforeEach(async () => {
  const client = emulator.agi();
  await client.sessions.deleteAll();
  await client.close();
  emulator.clearRequests();
});

after(async () => {
  await emulator.close();
  rmSync(copy, { recursive: true });
});

const created = () => emulator.requests({ method: "POST", path: "/v1/sessions" }).length;

const copies = () => `
  import { createRequire } from "node:module";
  import * as esm from "sessionwire";
  const require = createRequire(${JSON.stringify(join(copy, "package.json"))});
  const cjs = require("./dist/cjs/index.js");
  if (cjs.Agi === esm.Agi) throw new Error("one copy");
  for (const { Agi } of [esm, cjs]) {
    await new Agi({ deleteSessionsOnExit: true }).sessions.create();
  }
`;

test("g05 two copies of the package delete the sessions of both at exit", async () => {
  const done = await runProgram(`${copies()} process.exitCode = 4;`, { env });
  assert.equal(done.code, 4, done.stderr);
  assert.deepEqual([created(), emulator.sessionCount], [2, 0]);
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
  test(`g05 two copies of the package end on ${signal}, and the sessions of both`, async () => {
    const code = `${copies()} console.log("ready"); setTimeout(() => {}, 60_000);`;
    const child = spawn(runtime[0], [...runtime.slice(1), programFile(code)], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const closed = once(child, "close");
    await once(child.stdout, "data");
    child.kill(signal);
    assert.deepEqual(await closed, [null, signal]);
    assert.deepEqual([created(), emulator.sessionCount], [2, 0]);
  });
}

test("g05 a worker's sessions go with it, and the main thread's stay", async () => {
  const worker = programFile(`
    import { Agi } from "sessionwire";
    await new Agi({ deleteSessionsOnExit: true }).sessions.create();
  `);
  const done = await runProgram(
    `
    import { Worker } from "node:worker_threads";
    import { once } from "node:events";
    import { Agi } from "sessionwire";
    const client = new Agi({ deleteSessionsOnExit: true });
    const session = await client.sessions.create();
    await once(new Worker(${JSON.stringify(worker)}), "exit");
    const left = (await client.sessions.list()).map(({ sessionId }) => sessionId);
    console.log(left.length, left[0] === session.sessionId);
    await client.close();
  `,
    { env },
  );
  assert.deepEqual([done.code, done.stdout], [0, "1 true\n"], done.stderr);
  assert.deepEqual([created(), emulator.sessionCount], [2, 0]);
});

test("g05 a program whose streams were closed ends at once", async () => {
  const done = await runProgram(
    `
    import { Agi } from "sessionwire";
    const client = new Agi();
    const session = await client.sessions.create();
    const task = await session.startTask("go");
    const streams = [task, session.events(), session.events()];
    const reads = streams.map((stream) => stream.next());
    for (const stream of streams) await stream.close();
    await Promise.all(reads);
    await session.delete();
    console.log("closed");
  `,
    { env },
  );
  assert.deepEqual([done.code, done.stdout], [0, "closed\n"], done.stderr);
  await until(() => emulator.openStreams === 0);
});
