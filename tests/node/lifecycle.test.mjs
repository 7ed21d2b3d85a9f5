// The process: it ends promptly, waits where it must, and survives workers and signals. And the
// examples and the command line, as processes of their own.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Worker } from "node:worker_threads";
import { Emulator } from "sessionwire";
import { node, root, serve, until } from "./helpers.mjs";

let emulator;
let env;

before(async () => {
  emulator = await Emulator.start({ stepDelay: 1 });
  emulator.scenario({
    tasks: [
      { match: "for ever", steps: [{ thought: "a" }, { delay: 600 }] },
      { match: "", steps: [{ thought: "a" }, { done: "fine" }] },
    ],
  });
  env = { AGI_BASE_URL: emulator.url, AGI_API_KEY: emulator.apiKey };
});

after(() => emulator.close());

const setup = `
  import { Agi } from "sessionwire";
  const client = new Agi();
  const session = await client.sessions.create();
`;

function run(code, options = {}) {
  return node(["--input-type=module", "-e", code], { env, ...options });
}

test("g05 the process ends promptly whatever is open", async () => {
  const over = 'console.log("over");';
  for (const code of [
    // An emulator, a client and a session that nobody closes.
    `${setup} import { Emulator } from "sessionwire"; await Emulator.start(); ${over}`,
    // A stream and a task that nobody reads.
    `${setup} session.events(); await session.startTask("for ever"); ${over}`,
    // A stream that was read and left.
    `${setup} await session.sendMessage("for ever"); for await (const _ of session.events()) break; ${over}`,
    // In the middle of everything.
    `${setup} session.events().next(); session.runTask("for ever"); ${over} process.exit(0);`,
    // Right after an await.
    `${setup} await session.executionStatus(); ${over}`,
  ]) {
    const result = await run(code);
    assert.equal(result.code, 0, `${code}\n${result.stderr}`);
    assert.deepEqual([result.stdout, result.stderr], ["over\n", ""]);
    assert.ok(result.milliseconds < 5_000, `${code} took ${result.milliseconds} ms`);
  }
});

test("a waiting stream keeps the process alive until it is closed", async () => {
  const result = await run(`${setup}
    const stream = session.events();
    process.on("exit", () => console.log("exit"));
    setTimeout(async () => { console.log("closing"); await stream.close(); }, 300).unref();
    console.log(JSON.stringify(await stream.next()));
  `);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, 'closing\n{"done":true}\nexit\n');
});

test("20 short scripts that exit right after an await end cleanly", async () => {
  for (let n = 0; n < 20; n += 1) {
    const result = await run(`${setup} await client.sessions.list(); process.exit(3);`);
    assert.deepEqual([result.code, result.stderr], [3, ""]);
  }
});

test("g11 a worker can be terminated while a call and a stream are pending", async () => {
  for (let n = 0; n < 5; n += 1) {
    await until(() => emulator.openStreams === 0);
    const worker = new Worker(
      `
      const { parentPort } = require("node:worker_threads");
      const { Agi } = require("sessionwire");
      (async () => {
        const client = new Agi();
        const session = await client.sessions.create();
        session.events().next();
        session.runTask("for ever").catch(() => {});
        parentPort.postMessage("waiting");
      })();
      `,
      { eval: true, env: { ...process.env, ...env } },
    );
    await once(worker, "message");
    await until(() => emulator.openStreams === 2);
    assert.equal(await worker.terminate(), 1);
  }
  // This thread's half is untouched.
  const client = emulator.agi();
  assert.equal((await client.runTask("go")).text, "fine");
  await client.close();
});

test("g11 many workers run tasks at once, beside this thread", async () => {
  const code = `
    const { parentPort } = require("node:worker_threads");
    const { Agi } = require("sessionwire");
    (async () => {
      const client = new Agi();
      const texts = [];
      for (let n = 0; n < 3; n += 1) {
        const ids = [];
        const result = await client.runTask("go", { onEvent: (event) => ids.push(event.id) });
        texts.push(result.text + ids);
      }
      await client.close();
      parentPort.postMessage(texts);
    })();
  `;
  const sessions = emulator.sessionCount;
  const workers = Array.from(
    { length: 6 },
    () => new Worker(code, { eval: true, env: { ...process.env, ...env } }),
  );
  const ended = workers.map((worker) => once(worker, "exit"));
  const client = emulator.agi();
  const own = client.runTask("go");
  for (const [texts] of await Promise.all(workers.map((worker) => once(worker, "message")))) {
    assert.deepEqual(texts, ["fine2,3", "fine2,3", "fine2,3"]);
  }
  assert.equal((await own).text, "fine");
  // With nothing open a worker ends by itself.
  assert.deepEqual(await Promise.all(ended), Array(6).fill([0]));
  await client.close();
  assert.equal(emulator.sessionCount, sessions);
});

test("g11 a worker that exits in the middle of everything leaves this thread alone", async () => {
  const before = emulator.openStreams;
  const worker = new Worker(
    `
    const { Agi } = require("sessionwire");
    (async () => {
      const client = new Agi();
      const session = await client.sessions.create();
      const task = await session.startTask("for ever");
      for await (const _ of task) break;
      session.events().next();
      client.sessions.list();
      process.exit(7);
    })();
    `,
    { eval: true, env: { ...process.env, ...env } },
  );
  assert.deepEqual(await once(worker, "exit"), [7]);
  await until(() => emulator.openStreams === before);
  const client = emulator.agi();
  assert.equal((await client.runTask("go")).text, "fine");
  await client.close();
});

test("g11 a worker's own environment counts", async () => {
  const worker = new Worker(
    `
    const { parentPort } = require("node:worker_threads");
    process.env.AGI_BASE_URL = "http://127.0.0.1:9";
    process.env.AGI_API_KEY = "mine";
    const { Agi } = require("sessionwire");
    parentPort.postMessage(new Agi().baseUrl);
    `,
    { eval: true },
  );
  assert.deepEqual(await once(worker, "message"), ["http://127.0.0.1:9/v1"]);
  await worker.terminate();
});

test("the examples run without a key", async () => {
  for (const [file, words] of [
    ["agent.mjs", /done The blue bowl costs 7\.50 EUR\n7\.5\n/],
    [
      "turn-agent.mjs",
      /text Without[\s\S]*\nWithout tax: 22\.40 EUR\. With 19 % tax: 26\.66 EUR\.\n/,
    ],
    ["quickstart.mjs", /result: .*morning/],
    ["quickstart.cjs", /result: /],
    ["live-events.mjs", /question\t[\s\S]*result: .*green/],
    ["emulator.mjs", /result: The cheapest costs \$41\.50/],
    [
      "turn.mjs",
      /plan\.update[\s\S]*completed Understand[\s\S]*notes\.txt is text\/plain with 38 bytes/,
    ],
    ["turn-envelopes.mjs", /You asked: “Say hello”/],
    // What the second process prints before depends on how far the first one came.
    [
      "chat.mjs",
      /< 53\.40 EUR\nbranch[\s\S]*first[\s\S]*go on: 63\.00 EUR\nevents read once each\nmain {3}> The sum\?\n {7}< 63\.00 EUR\n$/,
    ],
  ]) {
    const result = await node([join("examples/node", file)]);
    assert.equal(result.code, 0, result.stderr);
    assert.equal(result.stderr, "");
    assert.match(result.stdout, words);
  }
});

test("the chat type-checks", async () => {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const config = join(root, "tests/node/types/tsconfig.chat.json");
  const checked = await node([tsc, "-p", config], { timeout: 60_000 });
  assert.equal(checked.code, 0, checked.stdout);
});

test("the TypeScript example compiles for Node 20 and runs", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sessionwire-"));
  try {
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const config = join(root, "tests/node/types/tsconfig.example.json");
    const compiled = await node([tsc, "-p", config, "--outDir", folder], { timeout: 60_000 });
    assert.equal(compiled.code, 0, compiled.stdout);
    await writeFile(join(folder, "package.json"), '{"type": "module"}');
    await mkdir(join(folder, "node_modules"));
    await symlink(root, join(folder, "node_modules/sessionwire"));
    const result = await node([join(folder, "quickstart.js")]);
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stdout, /thought: [\s\S]*result: .* \d+/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("the command line is the same program: status, output, Ctrl-C", async () => {
  const bin = join(root, "dist/cjs/bin.js");
  const page = await serve((_request, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<title>A small shop</title><h1>Tea</h1><p>$4.50</p>");
  });
  const done = await node([bin, "run", "What does tea cost?", "--local", "--start-url", page.url]);
  await page.close();
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /4\.50/);
  assert.equal((await node([bin, "--no-such-option"])).code, 2);
  const late = await node([bin, "run", "for ever", "--timeout", "0.2"], { env });
  assert.equal(late.code, 4, late.stderr);

  const sessions = emulator.sessionCount;
  const child = spawn(process.execPath, [bin, "run", "for ever"], {
    env: { ...process.env, ...env },
  });
  await once(child.stdout, "data");
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "close"), [130, null]);
  assert.equal(emulator.sessionCount, sessions);
});

test("g11 a limit of descriptors is named", async () => {
  const code = `
    const { openSync, closeSync } = require("node:fs");
    const open = [];
    try {
      for (;;) open.push(openSync("/dev/null"));
    } catch {}
    // Enough to load the package, too few for its threads.
    for (const one of open.splice(-3)) closeSync(one);
    const { Agi, ConfigError } = require("sessionwire");
    try {
      new Agi({ apiKey: "key", baseUrl: "http://127.0.0.1:9" });
    } catch (error) {
      if (error instanceof ConfigError) console.log(error.message);
      else throw error;
    }
  `;
  const done = spawnSync("sh", ["-c", `ulimit -n 128; exec "${process.execPath}" -e '${code}'`], {
    cwd: root,
    encoding: "utf8",
  });
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /cannot start its threads.*ulimit -n/);
});
