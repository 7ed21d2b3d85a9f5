// docs/migrating-from-your-own-loop.md: its loop in Node, and how fetch breaks.

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

/** Runs the loop against an emulator with these options, and these faults. */
async function run(options, ...faults) {
  const folder = join(root, "target/snippets/own-loop");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  for (const name of ["eventsource-parser"]) {
    symlinkSync(join(built, "node_modules", name), join(folder, "node_modules", name), "junction");
  }
  const file = join(folder, "loop.mjs");
  writeFileSync(file, loop);
  const emulator = await Emulator.start({ stepDelay: 0, ...options });
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
  assert.deepEqual(await run({ scenario: TWO }), { code: 0, stdout: output, stderr: "" });
});

for (const fault of ["cut_after", "close_after"]) {
  test(`a connection that breaks ends the loop in Node: ${fault}`, async () => {
    const { code, stdout, stderr } = await run({ scenario: TWO }, `events ${fault}=1`);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /TypeError: terminated/);
  });
}

test("a stream that ends properly ends the loop in Node without a word", async () => {
  const faults = ["events end_after=1", "events end_after=1"];
  assert.deepEqual(await run({ scenario: TWO }, ...faults), { code: 0, stdout: "", stderr: "" });
});
