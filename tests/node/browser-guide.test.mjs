// The guide to browsers: its route and its page run and type-check, and the page is small and alone.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { serve } from "@hono/node-server";
import { Emulator } from "sessionwire";
import ts from "typescript-api";
import { node, root, script, using } from "./helpers.mjs";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const folder = join(root, "target/snippets/browser");

/** The blocks of a guide that are marked so, as one text. */
async function blocks(mark, guide = "docs/browser.md") {
  const text = await readFile(join(root, guide), "utf8");
  const found = text.matchAll(new RegExp(`^\`\`\`${mark}\n([\\s\\S]*?)^\`\`\`$`, "gm"));
  const all = Array.from(found, ([, block]) => block);
  assert.ok(all.length > 0, mark);
  return all.join("\n");
}

function javascript(text) {
  const { ESNext } = ts.ModuleKind;
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ESNext };
  return ts.transpileModule(text, { compilerOptions }).outputText;
}

test("the guide's page shows a task, and answers its question", async () => {
  await mkdir(folder, { recursive: true });
  const scenario = script(
    { thought: "Comparing" },
    { question: "Which colour?" },
    { done: "Bought the {answer} mug" },
  );
  process.env.SSE_SECRET = "correct horse battery staple";
  await using(await Emulator.start({ stepDelay: 0, scenario }), async (emulator) => {
    process.env.AGI_BASE_URL = emulator.url;
    process.env.AGI_API_KEY = emulator.apiKey;
    await writeFile(join(folder, "route.mjs"), javascript(await blocks("ts route")));
    const route = await import(join(folder, "route.mjs"));
    const server = serve({
      fetch: (request) => route[request.method](request),
      port: 0,
      hostname: "127.0.0.1",
    });
    if (!server.listening) await once(server, "listening");
    try {
      const origin = `http://127.0.0.1:${server.address().port}`;
      const page = (await blocks("ts page")).replaceAll('"/api/task"', `"${origin}/api/task"`);
      const shown = `
        function show(...what) { console.log(...what); }
        async function ask(question) { return question === "Which colour?" ? "blue" : "?"; }
        ${javascript(page)}`;
      await writeFile(join(folder, "page.mjs"), shown);
      // As a bundler for browsers makes it: one file that needs nothing.
      const bundle = join(folder, "bundle.mjs");
      const esbuild = join(root, "node_modules/.bin/esbuild");
      const options = ["--bundle", "--format=esm", "--platform=browser", "--minify"];
      await run(esbuild, [join(folder, "page.mjs"), ...options, `--outfile=${bundle}`]);
      const text = await readFile(bundle, "utf8");
      assert.doesNotMatch(text, /require|node:|\.node\b|import[ {(]/);
      assert.ok(text.length < 8_000, `${text.length} bytes`);
      const { code, stdout, stderr } = await node([bundle]);
      assert.equal(code, 0, stderr);
      assert.equal(stdout, "thought Comparing\nquestion Which colour?\ndone Bought the blue mug\n");
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

test("both ends type-check, the page without the types of Node", async () => {
  await mkdir(join(folder, "types"), { recursive: true });
  const given = `import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import type { ServerResponse } from "node:http";
import { type AgiEvent, type Session, type Sse, type Task, toSse } from "sessionwire";
declare const response: ServerResponse;
declare const sse: Sse;
declare const task: Task;
declare const session: Session;
declare const request: Request;
const events: AgiEvent | undefined = toSse(task).events;
void events;
`;
  const agUi = `import { Agi, type Task } from "sessionwire";
import { agUi, toAgUi } from "sessionwire/ag-ui";
declare const client: Agi;
declare const task: Task;
declare function sessionOf(threadId: string): Promise<string>;
`;
  const files = {
    "ag-ui-route.mts": await blocks("ts route", "docs/ag-ui.md"),
    "ag-ui.mts": `${agUi}${await blocks("ts", "docs/ag-ui.md")}`,
    "route.mts": await blocks("ts route"),
    "rest.mts": `${given}${await blocks("js")}${await blocks("ts")}`,
    "page.ts": `declare function show(...what: unknown[]): void;
declare function ask(question: string): Promise<string>;
${await blocks("ts page")}
import { type TurnEvent } from "sessionwire/browser";
for await (const event of readEvents<TurnEvent>("/api/turn")) {
  const time: string | null = event.timestamp;
  if (event.type === "tool.start") show(time, event.data.tool_name.length);
}
for await (const event of readEvents("/api/task")) {
  const received: string | null = event.receivedAt;
  if ("timestamp" in event) show(received, event.timestamp satisfies string | null);
  // @ts-expect-error There is no such field.
  if (event.type === "done") show(event.data.text, event.nothing);
}
`,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, "types", name), text);
  }
  const strict = { strict: true, noEmit: true, skipLibCheck: false, target: "es2022" };
  const node16 = {
    ...strict,
    module: "nodenext",
    types: ["node"],
    lib: ["es2023", "esnext.disposable"],
  };
  const dom = {
    ...strict,
    module: "esnext",
    moduleResolution: "bundler",
    types: [],
    lib: ["es2022", "dom", "dom.iterable"],
  };
  for (const [name, compilerOptions, included] of [
    ["server", node16, ["route.mts", "rest.mts", "ag-ui-route.mts", "ag-ui.mts"]],
    ["page", dom, ["page.ts"]],
  ]) {
    const config = join(folder, "types", `tsconfig.${name}.json`);
    await writeFile(config, JSON.stringify({ compilerOptions, files: included }));
    for (const compiler of ["typescript/bin/tsc", "typescript-api/bin/tsc"]) {
      const tsc = join(root, "node_modules", compiler);
      const { code, stdout } = await node([tsc, "-p", config], { timeout: 120_000 });
      assert.equal(code, 0, `${compiler}, ${name}:\n${stdout}`);
    }
  }
});

test("the reader is one module for import, and one for require", async () => {
  const module = await import("sessionwire/browser");
  const common = require("sessionwire/browser");
  const isOurs = (name) => !["default", "__esModule", "module.exports"].includes(name);
  assert.deepEqual(Object.keys(module).filter(isOurs).sort(), [
    "EventReader",
    "SseError",
    "readEvents",
  ]);
  assert.deepEqual(Object.keys(common).filter(isOurs).sort(), [
    "EventReader",
    "SseError",
    "readEvents",
  ]);
});
