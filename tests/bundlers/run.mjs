// The packed npm package in bundlers, which are installed in a place of their own: `make test-bundlers`.
// With the documented setting it works; without it the error says what is missing.
//
//   node tests/bundlers/run.mjs FOLDER [NAME...]     FOLDER: where to install; NAME: only these

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { basename, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../../", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));
const [place, ...only] = process.argv.slice(2);
const folder = resolve(place);
const exec = promisify(execFile);

/** Runs a program; its exit status, and all that it printed. */
async function run(command, args, options = {}) {
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", CI: "1", ...options.env };
  const settings = { cwd: folder, timeout: 600_000, maxBuffer: 1 << 26, ...options, env };
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
  await cp(join(here, "app.mjs"), join(folder, "app.mjs"));
  // Our tarballs, unpacked: npm would ask the registry for the libraries of the other platforms.
  const packed = join(folder, "packed");
  await rm(packed, { recursive: true, force: true });
  const pack = join(root, "bindings-node/scripts/pack.mjs");
  const { code, text } = await run(process.execPath, [pack, "--out", packed], { cwd: root });
  assert.equal(code, 0, text);
  for (const file of await readdir(packed)) {
    const name = file.replace(/-\d.*\.tgz$/, "");
    const target = join(folder, "node_modules", name);
    await rm(target, { recursive: true, force: true });
    await mkdir(target, { recursive: true });
    await exec("tar", ["xzf", join(packed, file), "-C", target, "--strip-components=1"]);
  }
}

/** Builds with a configuration, runs what came, and gives what both said. */
async function built(bundler, name, config) {
  const out = join(folder, "out", `${bundler}-${name}`);
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  const build = await bundlers[bundler](config, out);
  if (build.code !== 0) return build;
  const files = (await readdir(out)).filter((file) => /^(main|app)\.[cm]?js$/.test(file));
  assert.equal(files.length, 1, `${bundler}: ${files}`);
  const ran = await run(process.execPath, [join(out, files[0])], { cwd: out });
  return { code: ran.code, text: build.text + ran.text };
}

const bin = (name) => join(folder, "node_modules/.bin", name);

/** Writes a configuration beside the output, and gives its path. */
async function written(out, text) {
  const file = join(out, "..", "config.mjs");
  await writeFile(file, text);
  return file;
}

const bundlers = {
  esbuild: (external, out) =>
    run(bin("esbuild"), [
      "app.mjs",
      "--bundle",
      "--platform=node",
      "--format=esm",
      "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      `--outfile=${join(out, "app.mjs")}`,
      ...(external ? ["--external:sessionwire"] : []),
    ]),
  async webpack(external, out) {
    const config = {
      mode: "production",
      target: "node",
      entry: join(folder, "app.mjs"),
      output: { path: out, filename: "main.cjs" },
      ...(external && { externals: { sessionwire: "commonjs sessionwire" } }),
    };
    const file = await written(out, `export default ${JSON.stringify(config)};`);
    return run(bin("webpack"), ["--config", file]);
  },
  async rollup(external, out) {
    const file = await written(
      out,
      `import resolve from "@rollup/plugin-node-resolve";
import commonjs from "@rollup/plugin-commonjs";
export default {
  input: ${JSON.stringify(join(folder, "app.mjs"))},
  output: { dir: ${JSON.stringify(out)}, format: "es", entryFileNames: "app.mjs" },
  plugins: [resolve(), commonjs()],
  ${external ? 'external: ["sessionwire"],' : ""}
};`,
    );
    return run(bin("rollup"), ["--config", file]);
  },
  async vite(external, out) {
    const config = {
      root: folder,
      logLevel: "warn",
      build: { ssr: join(folder, "app.mjs"), outDir: out, emptyOutDir: false },
      ssr: external ? { external: ["sessionwire"] } : { noExternal: ["sessionwire"] },
    };
    const file = await written(out, `export default ${JSON.stringify(config)};`);
    return run(bin("vite"), ["build", "--config", file]);
  },
};

/** What a person must find in what a bundle without the setting says, at the build or on its first run. */
const WITHOUT = /part of a bundle|keep-sessionwire-external/;

const checks = Object.fromEntries(
  Object.keys(bundlers).map((name) => [
    name,
    async () => {
      const good = await built(name, "external", true);
      assert.equal(good.code, 0, good.text);
      assert.match(good.text, /It is done/);
      const bad = await built(name, "bundled", false);
      assert.notEqual(bad.code, 0, `${name} works without the setting: say so in the README`);
      assert.match(bad.text, WITHOUT);
      return bad.text.split("\n").find((line) => WITHOUT.test(line));
    },
  ]),
);

/** The files that a deployment takes along. */
checks.nft = async () => {
  const from = join(folder, "node_modules/@vercel/nft/out/index.js");
  const { nodeFileTrace } = (await import(pathToFileURL(from))).default;
  const { fileList } = await nodeFileTrace([join(folder, "app.mjs")], { base: folder });
  const libraries = Array.from(fileList).filter((file) => file.endsWith(".node"));
  assert.equal(libraries.length, 1, String(libraries));
  assert.ok(libraries[0].startsWith(`node_modules/sessionwire-${process.platform}`), libraries[0]);
  return libraries[0];
};

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** The example, as it is or without its setting, below the installed packages. */
async function example(setting) {
  const target = join(folder, "next", setting ? "with" : "without");
  await rm(target, { recursive: true, force: true });
  await cp(join(root, "examples/node/next"), target, { recursive: true });
  if (!setting) await writeFile(join(target, "next.config.mjs"), "export default {};\n");
  return target;
}

const EMULATED = {
  tasks: [
    {
      steps: [
        { thought: "Comparing mugs" },
        { question: "Which colour?" },
        { done: "Bought the {answer} mug" },
      ],
    },
  ],
};

/** Serves what was built; the route is asked, and a browser too where there is one. */
async function served(target, work) {
  const ours = join(folder, "node_modules/sessionwire/dist/cjs/index.js");
  const { Emulator } = (await import(pathToFileURL(ours))).default;
  const emulator = await Emulator.start({ stepDelay: 0, scenario: EMULATED });
  const port = await freePort();
  const env = {
    ...process.env,
    NEXT_TELEMETRY_DISABLED: "1",
    AGI_BASE_URL: emulator.url,
    AGI_API_KEY: emulator.apiKey,
    SSE_SECRET: "correct horse battery staple",
  };
  const next = join(folder, "node_modules/next/dist/bin/next");
  const server = spawn(process.execPath, [next, "start", "-p", String(port), "-H", "127.0.0.1"], {
    cwd: target,
    env,
  });
  let said = "";
  for (const stream of [server.stdout, server.stderr]) {
    stream.on("data", (chunk) => {
      said += chunk;
    });
  }
  try {
    const url = `http://127.0.0.1:${port}`;
    for (let tries = 0; ; tries += 1) {
      const answered = await fetch(url).catch(() => undefined);
      await answered?.arrayBuffer();
      if (answered !== undefined) break;
      assert.ok(tries < 300 && server.exitCode === null, said);
      await new Promise((wake) => setTimeout(wake, 100));
    }
    return await work(url, emulator, () => said);
  } finally {
    server.kill();
    await once(server, "close");
    await emulator.close();
  }
}

function chromium() {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const paths = (process.env.PATH ?? "").split(":");
  const found = names.flatMap((name) => paths.map((path) => join(path, name)));
  return process.env.SESSIONWIRE_CHROMIUM ?? found.find((file) => existsSync(file));
}

/** A person who asks, sees the task, and answers. */
async function watched(url) {
  const executablePath = chromium();
  if (executablePath === undefined) return "no Chromium: the page was not opened";
  const { chromium: browsers } = await import("playwright-core");
  const browser = await browsers.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    await page.goto(url, { waitUntil: "networkidle" });
    await page.click("#task button");
    await page.fill("#answer input", "blue");
    await page.click("#answer button");
    await page.waitForSelector("li.done");
    assert.match(await page.textContent("li.done"), /Bought the blue mug/);
    const file = join(folder, "next.png");
    await page.screenshot({ path: file });
    return file;
  } finally {
    await browser.close();
  }
}

for (const bundler of ["turbopack", "webpack"]) {
  checks[`next-${bundler}`] = async () => {
    const next = [join(folder, "node_modules/next/dist/bin/next"), "build", `--${bundler}`];
    const env = {
      AGI_API_KEY: "some-key",
      AGI_BASE_URL: "http://127.0.0.1:9/v1",
      SSE_SECRET: "correct horse battery staple",
    };
    const target = await example(true);
    const good = await run(process.execPath, next, { cwd: target, env });
    assert.equal(good.code, 0, good.text);
    const seen = await served(target, async (url) => {
      const reader = join(folder, "node_modules/sessionwire/dist/esm/browser.mjs");
      const { readEvents } = await import(pathToFileURL(reader));
      const types = [];
      const body = JSON.stringify({ message: "Buy a mug" });
      const events = readEvents(`${url}/api/task`, { method: "POST", body });
      for await (const event of events) {
        types.push(event.type);
        if (event.type !== "question") continue;
        const answer = JSON.stringify({ id: events.lastEventId, answer: "red" });
        const put = await fetch(`${url}/api/task`, { method: "PUT", body: answer });
        assert.equal(put.status, 204);
      }
      assert.deepEqual(types, ["thought", "question", "done"]);
      return watched(url);
    });
    const without = await example(false);
    const bad = await run(process.execPath, next, { cwd: without, env });
    if (bad.code !== 0) {
      assert.match(bad.text, WITHOUT);
      const line = bad.text.split("\n").find((each) => WITHOUT.test(each));
      return `${seen}; without the setting: ${line?.trim()}`;
    }
    return `${seen}; it builds without the setting`;
  };
}

await install();
let failures = 0;
for (const [name, check] of Object.entries(checks)) {
  if (only.length > 0 && !only.includes(name)) continue;
  try {
    console.log(`ok ${name}: ${(await check()) ?? ""}`);
  } catch (error) {
    failures += 1;
    console.error(`FAILED ${name}: ${error.stack}`);
  }
}
if (failures > 0) process.exit(1);
