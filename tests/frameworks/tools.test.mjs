// A client as a tool in frameworks of agents, which are installed in a place of their own:
// `make test-frameworks`. Their models are none: each round is written down here.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Emulator } from "sessionwire";

const require = createRequire(join(process.env.FRAMEWORKS, "none.js"));
const load = (name) => import(pathToFileURL(require.resolve(name)));

const SCENARIO = {
  tasks: [
    { match: "ask", steps: [{ question: "Which colour?" }, { done: "The {answer} one" }] },
    { match: "fail", steps: [{ error: "The shop is closed" }] },
    { match: "stay", steps: [{ thought: "Looking" }, { delay: 3600 }] },
    { steps: [{ done: { price: 9.9 } }], once: false },
  ],
};

/** A tool of a client of an emulator; afterwards no session is left. */
async function given(options, work) {
  const emulator = await Emulator.start({ stepDelay: 0, scenario: SCENARIO });
  const client = emulator.agi();
  try {
    await work(client.asTool(options), emulator);
    assert.equal(emulator.sessionCount, 0);
  } finally {
    await client.close();
    await emulator.close();
  }
}

const INPUT = { task: "What does the mug cost?", start_url: null };

test("the Vercel AI SDK takes it as it is", () =>
  given({ name: "browse" }, async (tool) => {
    const { generateText, stepCountIs } = await load("ai");
    const { MockLanguageModelV4 } = await load("ai/test");
    const count = { total: 1 };
    const answer = (content, unified) => ({
      content,
      finishReason: { unified, raw: unified },
      usage: { inputTokens: count, outputTokens: count },
      warnings: [],
    });
    const input = JSON.stringify(INPUT);
    const call = { type: "tool-call", toolCallId: "1", toolName: "browse", input };
    const rounds = [
      answer([call], "tool-calls"),
      answer([{ type: "text", text: "It costs 9.90" }], "stop"),
    ];
    const model = new MockLanguageModelV4({ doGenerate: async () => rounds.shift() });
    const { text, steps } = await generateText({
      model,
      prompt: "What does the mug cost?",
      tools: { browse: tool },
      stopWhen: stepCountIs(2),
    });
    assert.equal(text, "It costs 9.90");
    assert.equal(steps[0].toolResults[0].output, '{"price":9.9}');
    const [{ tools }] = model.doGenerateCalls;
    assert.deepEqual(tools[0].inputSchema.required, ["task", "start_url"]);
    assert.match(tools[0].description, /^Carries out a task in a web browser/);
  }));

test("OpenAI Agents takes it by `tool`", () =>
  given({}, async (given) => {
    const { RunContext, tool } = await load("@openai/agents");
    const made = tool(given);
    assert.deepEqual([made.name, made.strict], ["run_browser_task", true]);
    assert.deepEqual(made.parameters.required, ["task", "start_url"]);
    assert.equal(await made.invoke(new RunContext(), JSON.stringify(INPUT)), '{"price":9.9}');
  }));

test("LangChain takes it by `DynamicStructuredTool`", () =>
  given({ description: "Looks things up." }, async (tool) => {
    const { DynamicStructuredTool } = await load("@langchain/core/tools");
    const made = new DynamicStructuredTool(tool);
    assert.deepEqual([made.name, made.description], ["run_browser_task", "Looks things up."]);
    assert.equal(await made.invoke(INPUT), '{"price":9.9}');
    assert.match(
      await made.invoke({ task: "fail", start_url: null }),
      /^The task failed: .*closed/,
    );
  }));

test("their types take it", () => {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const text = `import { DynamicStructuredTool } from "@langchain/core/tools";
import { Agent, tool } from "@openai/agents";
import { type LanguageModel, generateText } from "ai";
import { Agi } from "sessionwire";
declare const model: LanguageModel;
const client = new Agi();
const { text } = await generateText({ model, prompt: "Hello", tools: { browse: client.asTool() } });
const agent = new Agent({ name: "shopper", tools: [tool(client.asTool())] });
const made = new DynamicStructuredTool(client.asTool());
export const all: [string, string, string] = [text, agent.name, made.name];
`;
  const file = join(process.env.FRAMEWORKS, "types.mts");
  writeFileSync(file, text);
  const compilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, target: "es2022", module: "nodenext" },
    ...{ types: [], lib: ["es2023", "esnext.disposable", "dom"] },
    paths: { sessionwire: [join(root, "dist/cjs/index.d.ts")] },
    typeRoots: [join(root, "node_modules/@types")],
  };
  const config = join(process.env.FRAMEWORKS, "tsconfig.json");
  writeFileSync(config, JSON.stringify({ compilerOptions, files: [file] }));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  try {
    execFileSync(process.execPath, [tsc, "-p", config], { encoding: "utf8" });
  } catch (error) {
    assert.fail(error.stdout);
  }
});
