// Every JavaScript and TypeScript snippet of the documents type-checks, with `strict`.

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Emulator } from "sessionwire";
import ts from "typescript-api";
import { node } from "./helpers.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = join(root, "target/snippets");

/** What a snippet that imports nothing takes as given. */
const GIVEN = `import { Emulator, Agi } from "sessionwire";
const client = new Agi();
const tasks = ["Price of the blue mug"];
`;

/** The blocks of the guide to Raccoon, put together: one program. */
async function guide() {
  const text = await readFile(join(root, "docs/raccoon.md"), "utf8");
  const blocks = Array.from(text.matchAll(/^```js\n([\s\S]*?)^```$/gm), ([, block]) => block);
  assert.ok(blocks.length > 6, String(blocks.length));
  return blocks.join("\n");
}

test("the guide to Raccoon runs", async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const file = join(folder, "guide.mjs");
  await writeFile(file, await guide());
  const { code, stdout, stderr } = await node([file], { timeout: 60_000 });
  assert.equal(code, 0, stderr);
  assert.equal(stderr, "");
  assert.match(stdout, /task\.completed[\s\S]*\ntrue\n\[ 1, 2 \]/);
});

/** What the agents of the npm package's README do. */
const SHOP = {
  tasks: [
    {
      once: false,
      steps: [
        { thought: "Comparing mugs" },
        { question: "Which colour?" },
        { done: { summary: "A {answer} mug", price: 12.5 } },
      ],
    },
  ],
};

test("the programs of the npm package's README run", async () => {
  await mkdir(folder, { recursive: true });
  const text = await readFile(join(root, "bindings-node/README.md"), "utf8");
  const programs = Array.from(text.matchAll(/^```js\n([\s\S]*?)^```$/gm), ([, code]) => code);
  assert.ok(programs.length >= 4, String(programs.length));
  const [quickstart] = programs;
  assert.ok((await readFile(join(root, "README.md"), "utf8")).includes(quickstart), "the same");
  const emulator = await Emulator.start({ stepDelay: 0, scenario: SHOP, browser: "builtin" });
  const env = {
    AGI_BASE_URL: emulator.url,
    AGI_API_KEY: emulator.apiKey,
    RACCOON_BASE_URL: emulator.raccoonUrl,
    RACCOON_API_KEY: emulator.apiKey,
  };
  try {
    for (const [at, code] of programs.entries()) {
      const file = join(folder, `npm-${at}.mjs`);
      await writeFile(file, code);
      const { code: status, stderr } = await node([file], { env });
      assert.deepEqual([status, stderr], [0, ""], code);
      assert.equal(emulator.sessionCount, 0, code);
    }
  } finally {
    await emulator.close();
  }
});

test("the receiver of the page takes webhooks, and those alone", async () => {
  await mkdir(folder, { recursive: true });
  const text = await readFile(join(root, "docs/webhooks.md"), "utf8");
  const [, code] = /^```ts receiver\n([\s\S]*?)^```$/m.exec(text);
  const file = join(folder, "npm-receiver.mjs");
  const module = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  await writeFile(file, ts.transpileModule(code, { compilerOptions: module }).outputText);
  const { POST, address } = await import(file);
  const session = { id: "s", status: "ready", agent_name: "agi-0" };
  const event = { event: "task.started", timestamp: "2026-03-04T09:15:40.000Z", session };
  const body = JSON.stringify({ ...event, message: "Find a mug" });
  const status = async (url) => (await POST(new Request(url, { method: "POST", body }))).status;
  assert.equal(await status(address), 200);
  assert.equal(await status(`${address}x`), 401);
});

/** The whole programs of every page: tests/python/test_pages.py runs them. */
async function programs() {
  const found = [];
  for (const page of await readdir(join(root, "docs"))) {
    if (!page.endsWith(".md")) continue;
    const text = await readFile(join(root, "docs", page), "utf8");
    for (const [, language, code] of text.matchAll(/^```(js|ts) (?:run|test)\n([\s\S]*?)^```$/gm)) {
      found.push([
        `page-${page.slice(0, -3)}-${found.length}.${language === "js" ? "mjs" : "mts"}`,
        code,
      ]);
    }
  }
  return found;
}

test("the programs of the pages type-check", async () => {
  const folder = join(root, "target/snippets/types");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const files = await programs();
  assert.ok(files.length > 15, String(files.length));
  for (const [file, code] of files) await writeFile(join(folder, file), code);
  const options = { extends: "../../../tests/node/types/tsconfig.json", include: ["*"] };
  const paths = { allowJs: true, checkJs: true, noImplicitAny: false, rootDir: "../../.." };
  options.compilerOptions = { strict: true, ...paths };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(options));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { code, stdout } = await node([tsc, "-p", folder], { timeout: 120_000 });
  assert.equal(code, 0, stdout);
});

test("the snippets of the documents type-check", async () => {
  await mkdir(folder, { recursive: true });
  const files = [];
  for (const document of [
    "README.md",
    "bindings-node/README.md",
    "emulator/README.md",
    "docs/ledger.md",
    "docs/pool.md",
    "docs/recipes.md",
    "docs/webhooks.md",
  ]) {
    const text = await readFile(join(root, document), "utf8");
    for (const [, snippet] of text.matchAll(/^```(?:js|ts)(?: receiver)?\n([\s\S]*?)^```$/gm)) {
      const file = `${document.replace(/\W/g, "-")}-${files.length}.mts`;
      const given = /^import /m.test(snippet) ? "" : GIVEN;
      await writeFile(join(folder, file), `${given}${snippet}\nexport {};\n`);
      files.push(file);
    }
  }
  assert.ok(files.length >= 5, String(files));
  await writeFile(join(folder, "guide.mts"), `${await guide()}\nexport {};\n`);
  files.push("guide.mts");
  const options = { extends: "../../tests/node/types/tsconfig.json", files, include: [] };
  options.compilerOptions = { strict: true, noUnusedLocals: false, rootDir: "../.." };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(options));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { code, stdout } = await node([tsc, "-p", folder], { timeout: 120_000 });
  assert.equal(code, 0, stdout);
});
