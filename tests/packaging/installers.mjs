// The packed npm package by every package manager and compiler: installed from a registry of its own
// into empty folders, where the READMEs' quickstarts run; traced, and type-checked.
//
//   node tests/packaging/installers.mjs FOLDER [NAME...]     FOLDER: for the tools; NAME: only these
//
// Expects dist/*.tgz, as `make npm-pack` leaves them.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { registryOf } from "./registry.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));
const [place, ...only] = process.argv.slice(2);
const tools = resolve(place);
const exec = promisify(execFile);
const ours = `sessionwire-${process.platform}-${process.arch}`;

/** Runs a program with nothing of this checkout in its environment; what it printed. */
async function run(command, args, cwd, more = {}) {
  const hidden = /^(npm_|NODE_PATH|AGI_|RACCOON_|CI$)/i;
  const kept = Object.entries(process.env).filter(([name]) => !hidden.test(name));
  const env = { ...Object.fromEntries(kept), ...more };
  try {
    const { stdout, stderr } = await exec(command, args, { cwd, env, timeout: 300_000 });
    return stdout + stderr;
  } catch (error) {
    throw new Error(`${command} ${args.join(" ")}: ${error.message}\n${error.stdout}`);
  }
}

async function installTools() {
  await mkdir(tools, { recursive: true });
  const lock = join(here, "package-lock.json");
  const digest = createHash("sha256").update(readFileSync(lock)).digest("hex");
  const stamp = join(tools, "installed.sha256");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return;
  for (const file of [lock, join(here, "package.json")])
    await cp(file, join(tools, basename(file)));
  await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], tools);
  await writeFile(stamp, digest);
}

const tool = (path) => join(tools, "node_modules", path);

/** The packages that `make npm-pack` built last. */
async function tarballs() {
  const found = await readdir(join(root, "dist"));
  const one = (pattern) => {
    const names = found.filter((name) => pattern.test(name));
    assert.equal(names.length, 1, `dist has ${names.length} of ${pattern}: run \`make npm-pack\``);
    return join(root, "dist", names[0]);
  };
  return [one(/^sessionwire-\d.*\.tgz$/), one(new RegExp(`^${ours}.*\\.tgz$`))];
}

/** The quickstarts of Node in both READMEs, word for word, and the event that each ends with. */
function quickstarts() {
  const pages = ["README.md", "bindings-node/README.md"];
  const readmes = pages.map((name) => readFileSync(join(root, name), "utf8")).join("\n");
  const found = readmes.matchAll(/<!-- quickstart: node -->\n```js\n([\s\S]*?)```/g);
  return Array.from(found, ([, code]) => [code, code.includes("raccoon()") ? /completed/ : /done/]);
}

/** How each installs from a registry, and runs a program. */
const INSTALLERS = {
  npm: {
    install: (url, folder, ...options) => [
      "npm",
      [
        ...["install", "--no-audit", "--no-fund", `--registry=${url}`],
        ...[`--cache=${join(folder, ".cache")}`, ...options, "sessionwire"],
      ],
    ],
  },
  pnpm: {
    install: (url, folder) => [
      pnpm(),
      [
        ...["add", "sessionwire", `--registry=${url}`],
        ...[`--store-dir=${join(folder, ".store")}`, `--config.cache-dir=${join(folder, ".cache")}`],
      ],
    ],
  },
  "yarn 1": {
    install: (url, folder) => [
      process.execPath,
      [
        ...[tool("yarn/bin/yarn.js"), "add", "sessionwire", "--registry", url],
        ...["--cache-folder", join(folder, ".cache"), "--non-interactive"],
      ],
    ],
  },
  "yarn 4 PnP": {
    async prepare(url, folder) {
      await writeFile(
        join(folder, ".yarnrc.yml"),
        [
          `npmRegistryServer: "${url}"`,
          'unsafeHttpWhitelist: ["127.0.0.1"]',
          "nodeLinker: pnp",
          // It turns this on by itself where the application's package.json says "type": "module".
          "pnpEnableEsmLoader: true",
          "enableGlobalCache: false",
          `globalFolder: "${join(folder, ".yarn-global")}"`,
          "enableTelemetry: false",
          "",
        ].join("\n"),
      );
      await writeFile(join(folder, "yarn.lock"), "");
    },
    install: () => [process.execPath, [yarn4, "add", "sessionwire"]],
    program: (file) => [process.execPath, [yarn4, "node", file]],
    // Its packages are in zip files, but for those with a library.
    traced: false,
  },
};

const yarn4 = tool("@yarnpkg/cli-dist/bin/yarn.js");

/** pnpm, which is a program of its own since version 12. */
function pnpm() {
  const { bin } = JSON.parse(readFileSync(tool("pnpm/package.json"), "utf8"));
  return tool(join("pnpm", bin.pnpm));
}

async function emptyFolder(name) {
  // The real path: tools that follow links compare with it.
  const folder = await realpath(await mkdtemp(join(tmpdir(), `sessionwire-${name}-`)));
  await writeFile(join(folder, "package.json"), '{"name": "app", "private": true}');
  return folder;
}

async function installed(name, url) {
  const { prepare, install } = INSTALLERS[name];
  const folder = await emptyFolder(name.replaceAll(" ", "-"));
  await prepare?.(url, folder);
  await run(...install(url, folder), folder);
  return folder;
}

async function works(name, folder) {
  const { program = (file) => [process.execPath, [file]], traced = true } = INSTALLERS[name];
  const blocks = quickstarts();
  assert.ok(blocks.length >= 2, String(blocks.length));
  for (const [at, [code, last]] of blocks.entries()) {
    const file = join(folder, `quickstart${at}.mjs`);
    await writeFile(file, code);
    assert.match(await run(...program(file), folder), last);
  }
  const common = join(folder, "quickstart.cjs");
  await cp(join(root, "examples/node/quickstart.cjs"), common);
  await run(...program(common), folder);
  return traced ? `${blocks.length + 1} programs run, ${await trace(folder)}` : `${blocks.length + 1} programs run`;
}

/** The files that a deployment takes along: of the libraries, this machine's alone. */
async function trace(folder) {
  const { nodeFileTrace } = createRequire(join(tools, "none.js"))("@vercel/nft");
  const { fileList } = await nodeFileTrace([join(folder, "quickstart0.mjs")], { base: folder });
  const libraries = Array.from(fileList).filter((file) => file.endsWith(".node"));
  assert.equal(libraries.length, 1, String(libraries));
  assert.ok(libraries[0].includes(`${ours}`), libraries[0]);
  return `nft takes ${libraries[0]}`;
}

/** What a machine of another kind would get. */
async function elsewhere(url) {
  const folder = await emptyFolder("elsewhere");
  try {
    await run(...INSTALLERS.npm.install(url, folder, "--os=darwin", "--cpu=arm64"), folder);
    const names = await readdir(join(folder, "node_modules"));
    const found = names.filter((name) => name.startsWith("sessionwire")).sort();
    assert.deepEqual(found, ["sessionwire", "sessionwire-darwin-arm64"]);
    return found[1];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const COMPILERS = ["5.2", "5.6", "5.9", "7"];
const RESOLUTIONS = {
  node16: { module: "node16", moduleResolution: "node16" },
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
};

const ESM = `import { Agi, type AgiEvent, Emulator, Raccoon, toSse, webhooks } from "sessionwire";
import { agUi } from "sessionwire/ag-ui";
import { readEvents } from "sessionwire/browser";
import { withEmulator } from "sessionwire/testing";
export async function main(agi: Agi, raccoon: Raccoon): Promise<unknown[]> {
  const { text } = await agi.runTask("x", { onQuestion: (question) => question.text });
  const texts: string[] = [text, (await raccoon.runTurn("x")).text];
  for await (const event of readEvents<AgiEvent>("/")) {
    if (event.type === "thought") texts.push(event.data.text);
  }
  await withEmulator({}, async (emulator: Emulator) => void texts.push(emulator.url));
  return [texts, agUi({ client: agi }), toSse, webhooks.parse("{}").session.id];
}
`;
const COMMON = `import sessionwire = require("sessionwire");
import testing = require("sessionwire/testing");
export const client: sessionwire.Agi = new sessionwire.Agi();
export const emulator = testing.useEmulator;
`;

/** The declarations as a compiler reads them where a package is installed: all of them are checked. */
async function typed(folder, version, resolution) {
  const types = join(folder, "node_modules/@types");
  if (!existsSync(types)) await symlink(tool("@types"), types);
  const place = join(folder, `types-${version}-${resolution}`);
  await mkdir(place, { recursive: true });
  await writeFile(join(place, "app.mts"), ESM);
  const files = ["app.mts"];
  if (resolution !== "bundler") {
    await writeFile(join(place, "app.cts"), COMMON);
    files.push("app.cts");
  }
  const compilerOptions = {
    ...RESOLUTIONS[resolution],
    target: "es2022",
    lib: ["es2023", "esnext.disposable"],
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: false,
  };
  await writeFile(join(place, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  await run(process.execPath, [tool(`typescript-${version}/bin/tsc`), "-p", place], folder);
  return "clean";
}

await installTools();
const packed = await tarballs();
const scratch = await mkdtemp(join(tmpdir(), "sessionwire-registry-"));
const registry = await registryOf(packed, scratch);
let failures = 0;
let passed = 0;

async function check(name, work) {
  if (only.length > 0 && !only.some((one) => name.startsWith(one))) return;
  try {
    console.log(`ok ${name}: ${await work()}`);
    passed += 1;
  } catch (error) {
    failures += 1;
    console.error(`FAILED ${name}: ${error.stack}`);
  }
}

try {
  for (const name of Object.keys(INSTALLERS)) {
    await check(name, async () => {
      const folder = await installed(name, registry.url);
      try {
        return await works(name, folder);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  }
  await check("npm for another machine", () => elsewhere(registry.url));
  const folder = await installed("npm", registry.url);
  for (const version of COMPILERS) {
    for (const resolution of Object.keys(RESOLUTIONS)) {
      await check(`tsc ${version} ${resolution}`, () => typed(folder, version, resolution));
    }
  }
  await rm(folder, { recursive: true, force: true });
  await check("publint", async () => {
    const publint = join(root, "node_modules/publint/src/cli.js");
    const said = await run(process.execPath, [publint, "--strict", packed[0]], root);
    assert.match(said, /All good/);
    return "all good";
  });
  await check("attw", async () => {
    const attw = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
    // A document has no types.
    const args = [attw, packed[0], "--exclude-entrypoints", "./scenario.schema.json"];
    assert.match(await run(process.execPath, args, root), /No problems found/);
    return "no problems";
  });
} finally {
  await registry.close();
  await rm(scratch, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
