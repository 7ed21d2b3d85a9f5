// docs/migrating-from-your-own-loop.md: its loop in Node, and how fetch breaks. docs/comparison.md: what it
// says of EventSource.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Emulator } from "sessionwire";

const root = fileURLToPath(new URL("../../", import.meta.url));
const built = process.env.DOCS ?? join(root, "target/docs");
const text = readFileSync(join(root, "docs/migrating-from-your-own-loop.md"), "utf8");
const [, loop] = /^```js fetch\n([\s\S]*?)^```$/m.exec(text);
const [, output] = /^```text\n([\s\S]*?)^```$/m.exec(text);

/** Runs the loop, or another program, against an emulator with this scenario and these faults. */
async function run(scenario, faults, program = loop) {
  const folder = join(root, "target/snippets/own-loop");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  for (const name of ["eventsource", "eventsource-parser"]) {
    symlinkSync(join(built, "node_modules", name), join(folder, "node_modules", name), "junction");
  }
  const file = join(folder, "loop.mjs");
  writeFileSync(file, program);
  const emulator = await Emulator.start({ stepDelay: 0, scenario });
  try {
    for (const fault of faults) emulator.fail(fault);
    const env = { ...process.env, AGI_BASE_URL: emulator.url, AGI_API_KEY: emulator.apiKey };
    const done = await promisify(execFile)(process.execPath, [file], { env }).catch((e) => e);
    assert.equal(emulator.sessionCount, 0);
    return { code: done.code ?? 0, stdout: done.stdout, stderr: done.stderr };
  } finally {
    await emulator.close();
  }
}

const TWO = {
  tasks: [
    { match: "cheapest", steps: [{ thought: "Comparing" }, { done: "The blue mug" }] },
    { match: "colours", steps: [{ done: "Red and green" }] },
  ],
};

test("the loop in Node gives the first answer twice", async () => {
  assert.deepEqual(await run(TWO, []), { code: 0, stdout: output, stderr: "" });
});

for (const fault of ["cut_after", "close_after"]) {
  test(`a connection that breaks ends the loop in Node: ${fault}`, async () => {
    const { code, stdout, stderr } = await run(TWO, [`events ${fault}=1`]);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /TypeError: terminated/);
  });
}

test("a stream that ends properly ends the loop in Node without a word", async () => {
  const faults = ["events end_after=1", "events end_after=1"];
  assert.deepEqual(await run(TWO, faults), { code: 0, stdout: "", stderr: "" });
});

/** Listens until that many events came. */
const listener = (count) => `
import { EventSource } from "eventsource";
import { Agi } from "sessionwire";

const client = new Agi();
const session = await client.sessions.create();
await session.runTask("Find the cheapest mug");
process.on("exit", () => console.log(seen.join(" ")));
const seen = [];
const headers = { authorization: \`Bearer \${process.env.AGI_API_KEY}\` };
const source = new EventSource(
  \`\${process.env.AGI_BASE_URL}/v1/sessions/\${session.sessionId}/events\`,
  { fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } }) },
);
for (const type of ["thought", "done"])
  source.addEventListener(type, async ({ lastEventId }) => {
    seen.push(lastEventId);
    if (seen.length !== ${count}) return;
    source.close();
    await session.delete();
    process.exit();
  });
setInterval(() => {}, 1000);
`;
/** Not for the stream of `runTask`, but for the one after it. */
const SOON = 'events skip=1 insert="retry: 1\\n\\n"';

test("EventSource opens a stream again, and gets its history again", async () => {
  const { code, stdout } = await run(TWO, [`${SOON} cut_after=1`], listener(3));
  assert.deepEqual([code, stdout], [0, "2 2 3\n"]);
});

test("EventSource opens a stream again after the end of the task", async () => {
  const { code, stdout } = await run(TWO, [SOON], listener(4));
  assert.deepEqual([code, stdout], [0, "2 3 2 3\n"]);
});
