// A client as a tool. In the frameworks themselves: tests/frameworks/node.

import assert from "node:assert/strict";
import { test } from "node:test";
import { APIConnectionError, Emulator, InvalidRequestError } from "sessionwire";
import { until, using } from "./helpers.mjs";

const SCENARIO = {
  tasks: [
    { match: "ask", steps: [{ question: "Which colour?" }, { done: "The {answer} one" }] },
    { match: "fail", steps: [{ error: "The shop is closed" }] },
    { match: "stay", steps: [{ thought: "Looking" }, { delay: 3600 }] },
    { steps: [{ done: "{task}: 9.90" }], once: false },
  ],
};

async function given(options, work) {
  const emulator = await Emulator.start({ stepDelay: 0, scenario: SCENARIO });
  await using(emulator, () =>
    using(emulator.agi(), async (client) => {
      await work(client.asTool(options), { client, emulator });
      assert.equal(emulator.sessionCount, 0);
    }),
  );
}

test("each call is a task in a session of its own, and its result a text", () =>
  given({ agentName: "agi-1" }, async (tool, { emulator }) => {
    const calls = ["mug", "cup"].map((task) => tool.execute({ task, start_url: "" }));
    assert.deepEqual(await Promise.all(calls), ["mug: 9.90", "cup: 9.90"]);
    const created = emulator.requests({ method: "POST", path: "/v1/sessions" });
    assert.equal(created.length, 2);
    assert.ok(created.every(({ body }) => String(body).includes("agi-1")));
  }));

test("a failure and a question without an answer are texts, so that the model can go on", () =>
  given({ timeout: 60_000 }, async (tool) => {
    assert.match(await tool.execute({ task: "fail" }), /^The task failed: .*The shop is closed/);
    assert.match(
      await tool.execute({ task: "ask" }),
      /^The browser's agent asks: Which colour\? Nobody answered, and the task was given up\./,
    );
  }));

test("a question is answered by the handler, and events are seen", async () => {
  const seen = [];
  const options = { onQuestion: () => "blue", onEvent: ({ type }) => seen.push(type) };
  await given(options, async (tool) => {
    assert.equal(await tool.func({ task: "ask", start_url: null }), "The blue one");
    assert.deepEqual(seen, ["question", "done"]);
  });
});

for (const [framework, context] of [
  ["the Vercel AI SDK", (signal) => [{ toolCallId: "1", abortSignal: signal }]],
  ["OpenAI Agents", (signal) => [{}, { signal }]],
  ["LangChain", (signal) => [undefined, { signal }]],
]) {
  test(`a call that ${framework} aborts ends, and its session goes with it`, () =>
    given({}, async (tool, { emulator }) => {
      const gone = new AbortController();
      const call = tool.execute({ task: "stay", start_url: null }, ...context(gone.signal));
      await until(() => emulator.openStreams === 1);
      gone.abort(new Error("enough"));
      await assert.rejects(call, { message: "enough" });
    }));
}

test("a service that cannot be reached is an error", () =>
  given({}, async (tool, { emulator }) => {
    emulator.fail({ on: "create", reset: true, times: 0 });
    await assert.rejects(tool.execute({ task: "x" }), APIConnectionError);
  }));

test("g08 bad input sends nothing", () =>
  given({}, async (tool, { client, emulator }) => {
    for (const [options, message] of [
      [{ name: "run task" }, /`name` is "run task"\. Use letters/],
      [{ name: "" }, /`name` is ""/],
      [{ description: 3 }, /`description` must be a string, not number/],
      [{ onQuestion: "blue" }, /`onQuestion` must be a function/],
      [{ timeout: 0 }, /`timeout` must be a positive number/],
      [{ output: {} }, /There is no option `output`/],
      [{ signal: AbortSignal.abort() }, /There is no option `signal`/],
    ]) {
      assert.throws(
        () => client.asTool(options),
        (error) => {
          assert.ok(error instanceof InvalidRequestError, String(error));
          assert.match(error.message, message);
          return true;
        },
      );
    }
    for (const input of [undefined, {}, { task: 7 }, { task: "" }]) {
      await assert.rejects(tool.execute(input), InvalidRequestError);
    }
    assert.deepEqual(emulator.requests(), []);
  }));
