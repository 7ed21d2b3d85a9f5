// Every JavaScript and TypeScript snippet of the documents type-checks, with `strict`.

import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
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

test("the snippets of the documents type-check", async () => {
  await mkdir(folder, { recursive: true });
  const files = [];
  for (const document of [
    "README.md",
    "emulator/README.md",
    "docs/ledger.md",
    "docs/pool.md",
    "docs/recipes.md",
  ]) {
    const text = await readFile(join(root, document), "utf8");
    for (const [, snippet] of text.matchAll(/^```(?:js|ts)\n([\s\S]*?)^```$/gm)) {
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
