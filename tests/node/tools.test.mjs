// A client, and a session, as a tool. In the frameworks themselves: tests/frameworks/node.

import assert from "node:assert/strict";
import { test } from "node:test";
import { APIConnectionError, BadRequestError, Emulator, InvalidRequestError } from "sessionwire";
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

const ASKS = { tasks: [{ steps: [{ question: "Which colour?" }, { done: "A {answer} mug" }] }] };
const ECHOES = { tasks: [{ steps: [{ done: "{task} done" }], once: false }] };

/** A session of an emulator with this scenario; `call(tool, task, signal)` calls a tool. */
async function inSession(scenario, work) {
  await using(await Emulator.start({ stepDelay: 0, scenario }), (emulator) =>
    using(emulator.agi(), async (client) =>
      using(await client.sessions.create(), (session) => work(session, emulator)),
    ),
  );
}

function call(tool, task, signal) {
  return tool.execute({ task, start_url: null }, { signal });
}

/** What the agent was sent. */
function sent(emulator) {
  const requests = emulator.requests({ method: "POST", path: "/v1/sessions/*/message" });
  return requests.map((request) => request.json().message);
}

test("in a session the next call answers", () =>
  inSession(ASKS, async (session, emulator) => {
    const tool = session.asTool();
    assert.equal(
      await call(tool, "Buy a mug"),
      "The agent asks: Which colour? Call this tool with the answer as `task`; it then goes on.",
    );
    assert.match(await call(tool, "Buy a mug"), /Which colour\?/);
    assert.equal(await call(tool, "red"), "A red mug");
    assert.match(await call(tool, "Buy another"), /Which colour\?/);
    assert.equal(await call(tool, "blue"), "A blue mug");
    assert.deepEqual(sent(emulator), ["Buy a mug", "red", "Buy another", "blue"]);
  }));

test("in a session data and failures are texts, and the next task runs", () =>
  inSession(
    { tasks: [{ steps: [{ error: "The shop is closed" }] }] },
    async (session, emulator) => {
      const seen = [];
      const tool = session.asTool({ timeout: 60_000, onEvent: ({ type }) => seen.push(type) });
      assert.match(await call(tool, "x"), /^The task failed: .*The shop is closed/);
      emulator.scenario({ tasks: [{ steps: [{ done: { price: 9.9 } }] }] });
      assert.equal(await call(tool, "y"), '{"price":9.9}');
      assert.deepEqual(seen, ["error", "done"]);
    },
  ));

test("g03 an interrupt sends the task once", () =>
  inSession(ASKS, async (session, emulator) => {
    const answers = [];
    const tool = session.asTool({
      onQuestion({ text }) {
        if (answers.length === 0) throw new Error(`interrupt: ${text}`);
        return answers.pop();
      },
    });
    for (let time = 0; time < 2; time += 1) {
      await assert.rejects(call(tool, "Buy a mug"), /^Error: interrupt: Which colour/);
    }
    // Another task never gets this one's result.
    assert.match(await call(tool, "Sell a mug"), /^The browser is at work/);
    answers.push("green");
    assert.equal(await call(tool, "Buy a mug"), "A green mug");
    answers.push("red");
    assert.equal(await call(tool, "Buy a mug"), "A red mug");
    assert.deepEqual(sent(emulator), ["Buy a mug", "green", "Buy a mug", "red"]);
  }));

test("g03 interrupts may be counted from the top", () => {
  // LangGraph gives the first answer to the first question of a call, and so on.
  const steps = [{ question: "Which colour?" }, { question: "Which size?" }, { done: "{answer}" }];
  return inSession({ tasks: [{ steps }] }, async (session, emulator) => {
    const answers = [];
    const seen = [];
    const tool = session.asTool({
      onQuestion({ text }) {
        seen.push(text);
        if (seen.length > answers.length) throw new Error("interrupt");
        return answers[seen.length - 1];
      },
    });
    for (const answer of ["red", "large"]) {
      await assert.rejects(call(tool, "Buy a mug"), /interrupt/);
      answers.push(answer);
      seen.length = 0;
    }
    assert.equal(await call(tool, "Buy a mug"), "large");
    assert.deepEqual(seen, ["Which colour?", "Which size?"]);
    assert.deepEqual(sent(emulator), ["Buy a mug", "red", "large"]);
  });
});

test("a question that the handler leaves open waits for the next call", () =>
  inSession(ASKS, async (session) => {
    const tool = session.asTool({ onQuestion: () => null });
    assert.match(await call(tool, "Buy a mug"), /Which colour/);
    // Asked again, and left open again: it says so instead of waiting for ever.
    assert.match(await call(tool, "Buy a mug"), /Which colour/);
    assert.equal(await call(tool, "green"), "A green mug");
  }));

test("a call that is late can be waited for", () => {
  const steps = [{ wait_for_message: true }, { done: "There" }];
  return inSession({ tasks: [{ steps }] }, async (session, emulator) => {
    const tool = session.asTool({ timeout: 200 });
    assert.match(await call(tool, "x"), /^The task has not ended yet\./);
    await session.sendMessage("go");
    let told = "";
    while (told !== "There") told = await call(tool, "x");
    assert.deepEqual(sent(emulator), ["x", "go"]);
  });
});

test("a result that nobody came back for is kept", () => {
  const steps = [{ delay: 0.5 }, { done: "{task} done" }];
  return inSession({ tasks: [{ steps, once: false }] }, async (session, emulator) => {
    const tool = session.asTool({ timeout: 100 });
    assert.match(await call(tool, "Buy a mug"), /same task to wait/);
    await session.wait();
    assert.match(await call(tool, "Read the news"), /same task to wait/);
    assert.equal(await call(tool, "Buy a mug"), "Buy a mug done");
    assert.deepEqual(sent(emulator), ["Buy a mug", "Read the news"]);
  });
});

test("two calls at once are one", () =>
  inSession(ASKS, async (session) => {
    let go;
    const waits = new Promise((resolve) => {
      go = resolve;
    });
    const asked = [];
    const tool = session.asTool({
      async onQuestion({ text }) {
        asked.push(text);
        await waits;
        return "green";
      },
    });
    const first = call(tool, "Buy a mug");
    await until(() => asked.length === 1);
    assert.match(await call(tool, "Buy a mug"), /^The browser is at work/);
    go();
    assert.equal(await first, "A green mug");
    assert.equal(asked.length, 1);
  }));

test("g03 a call that is aborted while it sends sends once", () =>
  inSession(ASKS, async (session, emulator) => {
    const tool = session.asTool();
    async function aborted(text, requests) {
      // Longer than anybody would look for a message that another process sent.
      emulator.fail({ on: "message", delay: 1.2 });
      const gone = new AbortController();
      const calling = call(tool, text, gone.signal);
      await until(() => sent(emulator).length === requests);
      gone.abort(new Error("enough"));
      await assert.rejects(calling, { message: "enough" });
    }
    await aborted("Buy a mug", 1);
    assert.match(await call(tool, "Buy a mug"), /Which colour\?/);
    await aborted("red", 2);
    assert.equal(await call(tool, "red"), "A red mug");
    assert.match(await call(tool, "Buy a mug"), /Which colour\?/);
    await aborted("blue", 4);
    // Its answer has arrived by now: it is no task of its own.
    await until(async () => (await session.executionStatus()) === "finished");
    assert.equal(await call(tool, "blue"), "A blue mug");
    assert.deepEqual(sent(emulator), ["Buy a mug", "red", "Buy a mug", "blue"]);
  }));

test("g06 a call that is aborted loses no event for the next one", () => {
  const steps = [
    { thought: "1" },
    { wait_for_message: true },
    { thought: "2" },
    { question: "Which colour?" },
    { done: "A {answer} mug" },
  ];
  return inSession({ tasks: [{ steps }] }, async (session) => {
    const seen = [];
    const tool = session.asTool({ onEvent: ({ text }) => seen.push(text) });
    const gone = new AbortController();
    const calling = call(tool, "x", gone.signal);
    await until(() => seen.length === 1);
    gone.abort(new Error("enough"));
    await assert.rejects(calling, { message: "enough" });
    await session.sendMessage("go");
    await session.wait();
    assert.match(await call(tool, "x"), /Which colour\?/);
    assert.equal(await call(tool, "red"), "A red mug");
    assert.deepEqual(seen, ["1", "2", "Which colour?", "A red mug"]);
  });
});

test("a task that was overtaken before it was sent is told", () =>
  inSession(ECHOES, async (session, emulator) => {
    const tool = session.asTool();
    // Refused for sure, and not looked at again by this call.
    emulator.fail({ on: "message", status: 400 });
    await assert.rejects(call(tool, "Buy a mug"), BadRequestError);
    await session.runTask("Read the news");
    assert.match(
      await call(tool, "Buy a mug"),
      /Nothing was sent\. Call this tool again if the task is still wanted\.$/,
    );
    assert.equal(await call(tool, "Buy a mug"), "Buy a mug done");
  }));

test("g08 bad input for the tool of a session sends nothing", () =>
  inSession(ECHOES, async (session, emulator) => {
    emulator.clearRequests();
    for (const [options, message] of [
      [{ name: "run task" }, /`name` is "run task"\. Use letters/],
      [{ description: 3 }, /`description` must be a string, not number/],
      [{ onQuestion: "blue" }, /`onQuestion` must be a function/],
      [{ timeout: 0 }, /`timeout` must be a positive number/],
      [{ agentName: "agi-1" }, /There is no option `agentName`/],
    ]) {
      assert.throws(
        () => session.asTool(options),
        (error) => error instanceof InvalidRequestError && message.test(error.message),
      );
    }
    const tool = session.asTool();
    for (const input of [undefined, {}, { task: 7 }, { task: "" }]) {
      await assert.rejects(tool.execute(input), InvalidRequestError);
    }
    assert.deepEqual(emulator.requests(), []);
  }));
