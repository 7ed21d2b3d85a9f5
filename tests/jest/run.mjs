// The helpers of `sessionwire/testing` in jest, from the packed npm package, in several workers at once: `make test-jest`.
//
//   node tests/jest/run.mjs FOLDER [TIMES]     FOLDER: where to install; TIMES: how often all of it runs, 1

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../../", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));
const [place, times = "1"] = process.argv.slice(2);
const folder = resolve(place);
const tests = join(folder, "tests");
const exec = promisify(execFile);

/** So many files of each kind, so that all workers have some at the same time. */
const COPIES = 4;
const WORKERS = 4;

async function run(command, args, options = {}) {
  const settings = { cwd: folder, timeout: 600_000, maxBuffer: 1 << 26, ...options };
  try {
    const { stdout, stderr } = await exec(command, args, settings);
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    return { code: error.code ?? 1, text: `${error.stdout}${error.stderr}` };
  }
}

async function install() {
  await mkdir(folder, { recursive: true });
  const lock = join(here, "package-lock.json");
  const digest = createHash("sha256").update(readFileSync(lock)).digest("hex");
  const stamp = join(folder, "installed.sha256");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== digest) {
    await rm(join(folder, "node_modules"), { recursive: true, force: true });
    for (const file of [lock, join(here, "package.json")]) {
      await cp(file, join(folder, basename(file)));
    }
    const { code, text } = await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    assert.equal(code, 0, text);
    await writeFile(stamp, digest);
  }
  const packed = join(folder, "packed");
  await rm(packed, { recursive: true, force: true });
  const pack = join(root, "bindings-node/scripts/pack.mjs");
  const { code, text } = await run(process.execPath, [pack, "--out", packed], { cwd: root });
  assert.equal(code, 0, text);
  for (const file of await readdir(packed)) {
    const target = join(folder, "node_modules", file.replace(/-\d.*\.tgz$/, ""));
    await rm(target, { recursive: true, force: true });
    await mkdir(target, { recursive: true });
    await exec("tar", ["xzf", join(packed, file), "-C", target, "--strip-components=1"]);
  }
}

/** The guide's example, for jest; without ES modules as the guide says. */
async function guide(kind) {
  const text = await readFile(join(root, "docs/testing.md"), "utf8");
  const example = /<!-- testing: shop -->\n```js\n([\s\S]*?)```/.exec(text)[1];
  const module = example.replace("node:test", "@jest/globals");
  if (kind === "mjs") return module;
  return module
    .replace(/^import \{ afterEach.*$/m, "")
    .replace(/^import (.+) from (".+");(.*)$/gm, "const $1 = require($2);$3");
}

/** Writes the files of a run: each kind several times. */
async function write(files) {
  await rm(tests, { recursive: true, force: true });
  await mkdir(tests, { recursive: true });
  for (const [name, source] of Object.entries(files)) {
    const [stem, kind] = [name.slice(0, name.lastIndexOf(".")), name.slice(name.lastIndexOf("."))];
    for (let copy = 0; copy < COPIES; copy += 1) {
      await writeFile(join(tests, `${stem}-${copy}.test${kind}`), source);
    }
  }
}

/** What jest says of them. */
async function jest() {
  const config = { rootDir: tests, transform: {}, testMatch: ["**/*.test.*js"], moduleFileExtensions: ["js", "mjs", "cjs", "json", "node"] };
  const out = join(folder, "report.json");
  await rm(out, { force: true });
  const done = await run(process.execPath, [
    "--experimental-vm-modules",
    "--no-warnings",
    join(folder, "node_modules/jest/bin/jest.js"),
    `--config=${JSON.stringify(config)}`,
    `--maxWorkers=${WORKERS}`,
    "--json",
    `--outputFile=${out}`,
  ]);
  assert.ok(existsSync(out), done.text);
  return { ...JSON.parse(await readFile(out, "utf8")), text: done.text };
}

async function own(name) {
  return readFile(join(here, "cases", name), "utf8");
}

await install();
const passing = {
  "guide.mjs": await guide("mjs"),
  "guide.cjs": await guide("cjs"),
  "helpers.mjs": await own("helpers.mjs"),
  "helpers.cjs": (await own("helpers.mjs"))
    .replace(/^import \{.*@jest\/globals.*$/m, "")
    .replace(/^import (.+) from (".+");$/gm, "const $1 = require($2);"),
};
for (let time = 1; time <= Number(times); time += 1) {
  await write(passing);
  const good = await jest();
  assert.equal(good.numFailedTests + good.numFailedTestSuites, 0, good.text);
  assert.equal(good.numPassedTests, COPIES * (3 + 3 + 7 + 7), good.text);
  assert.ok(!/did not exit|failed to exit|open handle/.test(good.text), good.text);
  console.log(`${time}: ${good.numPassedTests} tests passed in ${WORKERS} workers`);
}

// What should fail, fails, and says why.
await write({ "failing.cjs": await own("failing.cjs") });
const bad = await jest();
assert.equal(bad.numPassedTests, 0, bad.text);
assert.equal(bad.numFailedTests, COPIES * 4, bad.text);
for (const said of [
  'No entry of the scenario fits the task "How much is the plate?"',
  "The fault `status status=503` never struck",
  "Expected POST at least once; it came 0 times",
  "The test left 1 session behind",
]) {
  assert.equal(bad.text.split(said).length > COPIES, true, `${said}\n${bad.text}`);
}
console.log(`${bad.numFailedTests} tests failed as they should`);
