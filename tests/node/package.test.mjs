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
import { LOCKED } from "../../bindings-node/scripts/complete-lock.mjs";
import { PLATFORMS } from "../../bindings-node/scripts/platforms.mjs";
import { registryOf } from "../packaging/registry.mjs";
import { node, root } from "./helpers.mjs";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const npm = process.platform === "win32" ? "npm.cmd" : "npm";

let folder;
/** The main package, and that of this machine's platform. */
let tarball;
let library;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "sessionwire-"));
  const pack = join(root, "bindings-node/scripts/pack.mjs");
  await run(process.execPath, [pack, "--out", folder], { cwd: root });
  const found = await readdir(folder);
  const named = (pattern) =>
    found.filter((name) => pattern.test(name)).map((name) => join(folder, name));
  [tarball] = named(/^sessionwire-\d.*\.tgz$/);
  [library] = named(new RegExp(`^sessionwire-${process.platform}-${process.arch}.*\\.tgz$`));
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
  const options = ["--offline", "--no-audit", "--no-fund"];
  await run(npm, ["install", ...options, tarball, library], { cwd: place });
  const installed = JSON.parse(
    await readFile(join(place, "node_modules/sessionwire/package.json"), "utf8"),
  );
  assert.equal(installed.dependencies, undefined);
  const skill = join(place, "node_modules/sessionwire/dist/skills/sessionwire/SKILL.md");
  assert.match(await readFile(skill, "utf8"), /^---\nname: sessionwire\n/);
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
  const machine = `sessionwire-${process.platform}-${process.arch}`;
  assert.match(missing.stderr, new RegExp(`The package ${machine}\\S* is missing`));
  assert.match(missing.stderr, /--omit=optional[\s\S]*install again, on this machine/);
  assert.match(
    missing.stderr,
    new RegExp(`npm install --os=${process.platform} --cpu=${process.arch}`),
  );
  assert.doesNotMatch(missing.stderr, /\.\.\/native/);
  const define = `Object.defineProperty(process, "platform", { value: "sunos" });`;
  const unknown = await node(["-e", `${define} ${load}`]);
  assert.match(unknown.stderr, /There is no build for sunos.*linux-x64-gnu.*build:native/);
});

test("a process without native add-ons says what it was started with", async () => {
  const load = ["-e", `require(${JSON.stringify(join(root, "dist/cjs/index.js"))})`];
  const { code, stderr } = await node(["--no-addons", ...load]);
  assert.equal(code, 1);
  assert.match(stderr, /Native add-ons are off in this process: it runs with --no-addons/);
  assert.doesNotMatch(stderr, /is missing/);
});

const registry = () => registryOf([tarball, library], join(folder, "empty-packages"));

/** Installs from this registry into an empty folder; the names of our packages that came. */
async function installed(server, ...options) {
  const place = await mkdtemp(join(folder, "installed-"));
  await writeFile(join(place, "package.json"), '{"private": true}');
  const common = [
    "--no-audit",
    "--no-fund",
    `--registry=${server.url}`,
    `--cache=${join(place, "cache")}`,
  ];
  await run(npm, ["install", ...common, ...options, "sessionwire"], { cwd: place });
  const names = await readdir(join(place, "node_modules"));
  return { place, names: names.filter((name) => name.startsWith("sessionwire")).sort() };
}

test("npm takes the library of this machine, that of another one where it is told, or none", async () => {
  const server = await registry();
  try {
    const ours = `sessionwire-${process.platform}-${process.arch}`;
    const here = await installed(server);
    assert.equal(here.names.length, 2, String(here.names));
    assert.ok(here.names[1].startsWith(ours), String(here.names));
    const loaded = await node(["-e", "console.log(typeof require('sessionwire').Agi)"], {
      cwd: here.place,
    });
    assert.equal(loaded.stdout, "function\n", loaded.stderr);

    const elsewhere = await installed(server, "--os=darwin", "--cpu=arm64");
    assert.deepEqual(elsewhere.names, ["sessionwire", "sessionwire-darwin-arm64"]);

    const none = await installed(server, "--omit=optional");
    assert.deepEqual(none.names, ["sessionwire"]);
    const failed = await node(["-e", "require('sessionwire')"], { cwd: none.place });
    assert.match(failed.stderr, new RegExp(`The package ${here.names[1]} is missing`));
    assert.match(failed.stderr, /--omit=optional/);
  } finally {
    await server.close();
  }
});

test("every platform has its package, and the main one names them", async () => {
  const { stdout } = await run("tar", ["xzOf", tarball, "package/package.json"]);
  const { version, optionalDependencies, devDependencies, scripts, files } = JSON.parse(stdout);
  const wanted = PLATFORMS.map(({ name }) => [`sessionwire-${name}`, version]);
  assert.deepEqual(optionalDependencies, Object.fromEntries(wanted));
  assert.deepEqual([devDependencies, scripts], [undefined, undefined]);
  assert.ok(!files.some((file) => file.includes(".node")));
  const { stdout: list } = await run("tar", ["tzf", tarball]);
  assert.doesNotMatch(list, /\.node$/m);
  const { stdout: other } = await run("tar", ["xzOf", library, "package/package.json"]);
  const manifest = JSON.parse(other);
  assert.deepEqual([manifest.os, manifest.cpu], [[process.platform], [process.arch]]);
  assert.equal(manifest.dependencies, undefined);
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

test("no module asks for a document: a bundler would stop at that, and not at the library", async () => {
  for (const file of await readdir(join(root, "dist/cjs"), { recursive: true })) {
    if (!file.endsWith(".js")) continue;
    const text = await readFile(join(root, "dist/cjs", file), "utf8");
    assert.doesNotMatch(text, /require\("[^"]*\.json"\)/, file);
  }
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

for (const place of LOCKED) {
  test(`the lock file names no registry, and is complete: ${place}`, async () => {
    const lock = await readFile(join(root, place, "package-lock.json"), "utf8");
    assert.ok(!lock.includes('"resolved"'));
    const { packages } = JSON.parse(lock);
    const manifest = JSON.parse(await readFile(join(root, place, "package.json"), "utf8"));
    for (const kind of ["dependencies", "devDependencies", "optionalDependencies"]) {
      assert.deepEqual(packages[""][kind], manifest[kind], `npm run lock: ${kind}`);
    }
    for (const { optionalDependencies = {} } of Object.values(packages)) {
      for (const name of Object.keys(optionalDependencies)) {
        assert.ok(`node_modules/${name}` in packages, `npm run lock: ${name} is missing`);
      }
    }
  });
}

test("the versions agree", async () => {
  const lock = await readFile(join(root, "package-lock.json"), "utf8");
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  assert.equal(JSON.parse(lock).version, version);
  const cargo = await readFile(join(root, "Cargo.toml"), "utf8");
  assert.equal(/^version = "(.*)"$/m.exec(cargo)[1], version);
});
