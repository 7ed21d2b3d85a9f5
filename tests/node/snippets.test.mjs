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

test("the snippets of the documents type-check", async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const files = [];
  for (const document of ["README.md", "emulator/README.md"]) {
    const text = await readFile(join(root, document), "utf8");
    for (const [, snippet] of text.matchAll(/^```(?:js|ts)\n([\s\S]*?)^```$/gm)) {
      const file = `${document.replace(/\W/g, "-")}-${files.length}.mts`;
      const given = /^import /m.test(snippet) ? "" : GIVEN;
      await writeFile(join(folder, file), `${given}${snippet}\nexport {};\n`);
      files.push(file);
    }
  }
  assert.ok(files.length >= 5, String(files));
  const options = { extends: "../../tests/node/types/tsconfig.json", files, include: [] };
  options.compilerOptions = { strict: true, noUnusedLocals: false, rootDir: "../.." };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(options));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { code, stdout } = await node([tsc, "-p", folder], { timeout: 120_000 });
  assert.equal(code, 0, stdout);
});
