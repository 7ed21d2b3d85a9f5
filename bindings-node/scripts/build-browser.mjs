// Writes the reader for browsers as a module: the same source, which imports nothing.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript-api";

const source = fileURLToPath(new URL("../ts/src/browser.ts", import.meta.url));
const target = fileURLToPath(new URL("../../dist/esm/browser.mjs", import.meta.url));

const { outputText } = ts.transpileModule(readFileSync(source, "utf8"), {
  fileName: source,
  compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
});
if (/^(import|export .* from)\b/m.test(outputText)) {
  throw new Error(`${source} imports something: it must run in a browser as it is`);
}
writeFileSync(target, outputText);
