// One task, three people: who started it on the command line, who answers in another terminal, and who answers in the live view.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Emulator } from "sessionwire";
import { until } from "../node/helpers.mjs";
import { desktop, launch, openPage } from "./helpers.mjs";

/** The command line of the npm package. */
const program = fileURLToPath(new URL("../../dist/cjs/bin.js", import.meta.url));

let browser;
let emulator;

before(async () => {
  emulator = await Emulator.start({ browser: "builtin" });
  emulator.scenario({
    tasks: [
      {
        steps: [
          { question: "Which colour?" },
          { thought: "First: {answer}" },
          { question: "Which size?" },
          { done: "Second: {answer}" },
        ],
      },
    ],
  });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await emulator?.close();
});

/** The command line at work: what it printed so far, and how it ends. Its standard input stays open. */
function run(...args) {
  const env = { ...process.env, AGI_BASE_URL: emulator.url, AGI_API_KEY: emulator.apiKey };
  const child = spawn(process.execPath, [program, ...args], { env });
  const told = {
    text: "",
    errors: "",
    lines: () => told.text.split("\n").filter(Boolean).map(JSON.parse),
  };
  child.stdout.on("data", (bytes) => {
    told.text += bytes;
  });
  child.stderr.on("data", (bytes) => {
    told.errors += bytes;
  });
  told.ended = new Promise((ended) => child.on("close", ended));
  return told;
}

test("a question of one terminal is answered in another, and the next one in the live view", async () => {
  const first = run("run", "Buy a shirt", "--json");
  await until(() => first.text.includes("Which colour?"));
  const [{ session_id: sessionId, vnc_url: vncUrl }] = first.lines();
  const watching = run("watch", sessionId, "--json");
  const page = await openPage(browser, emulator.url, vncUrl, desktop);
  await page.getByRole("heading", { name: "The agent asks" }).waitFor();

  const answered = run("answer", sessionId, "blue", "--json");
  assert.equal(await answered.ended, 0, answered.errors);
  await page.getByText("Which size?").first().waitFor();
  await until(() => first.text.includes("Which size?") && watching.text.includes("Which size?"));
  await page.getByLabel("Your answer").fill("large");
  await page.getByRole("button", { name: "Answer" }).click();

  for (const terminal of [first, watching]) {
    assert.equal(await terminal.ended, 0, terminal.errors);
    const texts = terminal.lines().map((line) => line.text);
    assert.ok(texts.includes("First: blue"), terminal.text);
    assert.ok(texts.includes("Second: large"), terminal.text);
    // Nobody answered here.
    assert.ok(!terminal.lines().some((line) => line.type === "answer"), terminal.text);
  }
  const sent = emulator.requests().filter((request) => request.path.endsWith("/message"));
  // The live view has a way of its own.
  assert.equal(sent.length, 2, "the task, and the answer of the other terminal");
  await page.close();
});
