// The package as users get it: packed, checked, installed into an empty place and used.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import * as esm from "sessionwire";
import { node, root } from "./helpers.mjs";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const npm = process.platform === "win32" ? "npm.cmd" : "npm";

let folder;
let tarball;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "sessionwire-"));
  await run(npm, ["pack", "--pack-destination", folder], { cwd: root });
  tarball = join(
    folder,
    (await readdir(folder)).find((name) => name.endsWith(".tgz")),
  );
});

after(() => rm(folder, { recursive: true }));

test("import and require give the same classes under the same names", () => {
  const cjs = require("sessionwire");
  assert.deepEqual(Object.keys(esm).filter(isOurs).sort(), Object.keys(cjs).filter(isOurs).sort());
  for (const name of Object.keys(cjs).filter(isOurs)) {
    assert.equal(Reflect.get(esm, name), cjs[name], name);
    assert.equal(typeof cjs[name], name === "webhooks" ? "object" : "function", name);
  }
  assert.ok(new cjs.RateLimitError("x") instanceof esm.SessionwireError);
});

/** Node adds these to the namespace of a CommonJS module. */
function isOurs(name) {
  return !["default", "__esModule", "module.exports"].includes(name);
}

test("publint finds nothing", async () => {
  const { stdout, stderr } = await run(process.execPath, [
    join(root, "node_modules/publint/src/cli.js"),
    "--strict",
    tarball,
  ]);
  assert.match(stdout + stderr, /All good/);
});

test("arethetypeswrong finds nothing", async () => {
  const attw = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
  // A document has no types.
  const { stdout } = await run(process.execPath, [
    attw,
    tarball,
    "--exclude-entrypoints",
    "./scenario.schema.json",
  ]);
  assert.match(stdout, /No problems found/);
});

test("the tarball, installed into an empty folder, runs the README's quickstart and the program", async () => {
  const place = await mkdtemp(join(folder, "empty-"));
  await writeFile(join(place, "package.json"), '{"private": true}');
  await run(npm, ["install", "--offline", "--no-audit", "--no-fund", tarball], { cwd: place });
  const installed = JSON.parse(
    await readFile(join(place, "node_modules/sessionwire/package.json"), "utf8"),
  );
  assert.equal(installed.dependencies, undefined);
  const readme = await readFile(join(root, "README.md"), "utf8");
  const [, quickstart] = /<!-- quickstart: node -->\n```js\n([\s\S]*?)```/.exec(readme);
  await writeFile(join(place, "quickstart.mjs"), quickstart);
  const shown = await node([join(place, "quickstart.mjs")]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /done [\s\S]*9\.90/);
  await cp(join(root, "examples/node/quickstart.cjs"), join(place, "quickstart.cjs"));
  const common = await node([join(place, "quickstart.cjs")]);
  assert.equal(common.code, 0, common.stderr);
  const { stdout } = await run(join(place, "node_modules/.bin/sessionwire"), ["--version"]);
  assert.match(stdout, new RegExp(installed.version.replaceAll(".", "\\.")));
});

test("a machine without a native library is told what to do", async () => {
  const place = await mkdtemp(join(folder, "bare-"));
  await cp(join(root, "dist/cjs"), join(place, "cjs"), { recursive: true });
  const load = `require(${JSON.stringify(join(place, "cjs/index.js"))})`;
  const missing = await node(["-e", load]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /no native library for [\w-]+\./);
  assert.match(missing.stderr, /install again, on this machine/);
  const define = `Object.defineProperty(process, "platform", { value: "sunos" });`;
  const unknown = await node(["-e", `${define} ${load}`]);
  assert.match(unknown.stderr, /There is no build for sunos.*linux-x64-gnu.*build:native/);
});

test("a bundle without the library is told to leave the package out", async () => {
  const place = await mkdtemp(join(folder, "bundle-"));
  const entry = join(place, "entry.cjs");
  await writeFile(entry, `require(${JSON.stringify(join(root, "dist/cjs/index.js"))});`);
  const esbuild = join(root, "node_modules/.bin/esbuild");
  const bundle = (...options) =>
    run(esbuild, [entry, "--bundle", "--platform=node", "--log-level=error", ...options]);
  const outside = join(place, "outside.cjs");
  // Turbopack keeps the name that the file had, below a folder that is none.
  const kept = `--define:__filename="${join(place, "ROOT/native.js")}"`;
  for (const [named, ...define] of [["outside.cjs"], ["native.js", kept]]) {
    await bundle("--external:*.node", `--outfile=${outside}`, ...define);
    const alone = await node([outside]);
    assert.equal(alone.code, 1);
    assert.ok(alone.stderr.includes(`part of a bundle (${named})`), alone.stderr);
    assert.match(
      alone.stderr,
      /must stay outside of bundles.*serverExternalPackages.*--external:sessionwire.*commonjs sessionwire/,
    );
    assert.doesNotMatch(alone.stderr, /Delete node_modules/);
  }
  // The requires are literal: a bundler that copies such files finds this one.
  await mkdir(join(place, "inside"));
  await bundle("--loader:.node=copy", `--outdir=${join(place, "inside")}`);
  const along = await node([join(place, "inside/entry.js")]);
  assert.equal(along.code, 0, along.stderr);
});

test("the generated types of the native half are complete", async () => {
  const types = await readFile(join(root, "dist/native/native.d.ts"), "utf8");
  for (const name of ["Client", "Task", "EventStream", "Emulator", "runCli"]) {
    assert.match(types, new RegExp(`export declare (class|function) ${name}\\b`));
  }
});

test("the types compile, and what is wrong does not", async () => {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const result = await node([tsc, "-p", join(root, "tests/node/types/tsconfig.json")], {
    timeout: 60_000,
  });
  assert.equal(result.code, 0, result.stdout);
});

test("every synchronous native export catches panics", async () => {
  const folder = join(root, "bindings-node/src");
  for (const file of await readdir(folder)) {
    const lines = (await readFile(join(folder, file), "utf8")).split("\n");
    lines.forEach((line, at) => {
      if (!/^\s*pub fn /.test(line)) return;
      const attribute = lines.slice(Math.max(at - 5, 0), at).join("\n");
      const start = attribute.lastIndexOf("#[napi");
      if (start === -1 || /\n\s*(pub )?fn |\n}/.test(attribute.slice(start))) return;
      assert.match(attribute.slice(start), /catch_unwind/, `${file}:${at + 1}`);
    });
  }
});

test("the lock file names no registry, is complete, and the versions agree", async () => {
  const lock = await readFile(join(root, "package-lock.json"), "utf8");
  assert.ok(!lock.includes('"resolved"'));
  const { packages } = JSON.parse(lock);
  for (const { optionalDependencies = {} } of Object.values(packages)) {
    for (const name of Object.keys(optionalDependencies)) {
      assert.ok(`node_modules/${name}` in packages, `npm run lock: ${name} is missing`);
    }
  }
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  assert.equal(JSON.parse(lock).version, version);
  const cargo = await readFile(join(root, "Cargo.toml"), "utf8");
  assert.equal(/^version = "(.*)"$/m.exec(cargo)[1], version);
});
