// Tasks and turns for the clients of AG-UI: with the protocol's own packages.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { HttpAgent } from "@ag-ui/client";
import { EventSchemas } from "@ag-ui/core/schemas";
import { serve } from "@hono/node-server";
import { ConfigError, Emulator, InvalidRequestError } from "sessionwire";
import { agUi, toAgUi } from "sessionwire/ag-ui";
import { all, cases, root, script, until, using, withResolvers } from "./helpers.mjs";

const WHICH = { threadId: "t", runId: "r" };
const ASKS = [
  { thought: "Looking" },
  { question: "Which colour?" },
  { done: "Bought the {answer} mug" },
];

/** The events of a case, as a task or a turn gives them. */
async function* given({ task = [], turn = [] }) {
  for (const { type, id, data } of task) yield { type, id, raw: JSON.stringify(data) };
  for (const frame of turn)
    yield { type: frame.kind, kind: frame.kind, raw: JSON.stringify(frame) };
}

for (const { id, expect, ...source } of cases("ag_ui.json")) {
  test(id, async () => {
    const [started, ...events] = await all(toAgUi(given(source), WHICH));
    assert.deepEqual(started, { type: "RUN_STARTED", ...WHICH, protocolVersion: "1.0" });
    for (const event of [started, ...events]) {
      assert.deepEqual(EventSchemas.parse(event), event);
    }
    const bare = events.map(({ threadId, runId, ...event }) => event);
    assert.deepEqual(bare, expect);
  });
}

/** A route over a real socket, its emulator, and an agent of the protocol's own client. */
async function talking(steps, work, { client: kind = "agi", ...options } = {}) {
  const scenario = kind === "agi" ? script(...steps) : { turns: [{ steps }] };
  const emulator = await Emulator.start({ stepDelay: 0, scenario });
  await using(emulator, () =>
    using(emulator[kind](), async (client) => {
      const server = serve({
        fetch: agUi({
          client,
          ...(typeof options.with === "function" ? options.with(client) : {}),
        }),
        port: 0,
        hostname: "127.0.0.1",
      });
      if (!server.listening) await once(server, "listening");
      const url = `http://127.0.0.1:${server.address().port}`;
      const agent = asking(url, "Buy a mug");
      try {
        await work({ agent, url, client, emulator });
      } finally {
        server.closeAllConnections();
        server.close();
        await once(server, "close");
      }
    }),
  );
}

function asking(url, content, threadId) {
  const message = { id: `user-${content}`, role: "user", content };
  return new HttpAgent({ url, initialMessages: [message], ...(threadId && { threadId }) });
}

/** Runs an agent; every event that came. */
async function run(agent, parameters = {}) {
  const events = [];
  const result = await agent.runAgent(parameters, {
    onEvent: ({ event }) => void events.push(event),
  });
  return { ...result, events, last: events.at(-1) };
}

test("the protocol's client gets a task with a question and its answer", () =>
  talking(ASKS, async ({ agent, emulator }) => {
    const asked = await run(agent);
    assert.equal(asked.last.outcome.type, "interrupt");
    const [interrupt] = agent.pendingInterrupts;
    assert.equal(interrupt.message, "Which colour?");
    assert.equal(interrupt.reason, "input_required");
    assert.equal(emulator.sessionCount, 1);
    const payload = { colour: "blue" };
    const resume = [{ interruptId: interrupt.id, status: "resolved", payload }];
    const { result, events } = await run(agent, { resume });
    assert.equal(result, "Bought the blue mug");
    assert.deepEqual(agent.pendingInterrupts, []);
    assert.deepEqual(
      agent.messages.map(({ role, content }) => [role, content]),
      [
        ["user", "Buy a mug"],
        ["reasoning", "Looking"],
        ["assistant", "Bought the blue mug"],
      ],
    );
    for (const event of [...asked.events, ...events]) EventSchemas.parse(event);
    const ids = agent.messages.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(emulator.sessionCount, 0);
    assert.equal(emulator.requests({ method: "POST", path: "/v1/sessions/*/message" }).length, 2);
  }));

test("a thread asks again, and its messages stay apart", () =>
  talking([{ thought: "Looking" }, { done: "Done" }], async ({ agent, emulator }) => {
    await run(agent);
    agent.addMessage({ id: "user-2", role: "user", content: "Once more" });
    await run(agent);
    assert.deepEqual(
      agent.messages.map(({ role }) => role),
      ["user", "reasoning", "assistant", "user", "reasoning", "assistant"],
    );
    assert.equal(emulator.sessionCount, 0);
  }));

test("a client that is gone cancels its run, and the session goes with it", () =>
  talking([{ thought: "Looking" }, { delay: 3600 }], async ({ agent, emulator }) => {
    const gone = new AbortController();
    const running = agent.runAgent(
      { abortController: gone },
      { onReasoningMessageEndEvent: () => gone.abort() },
    );
    await running.catch(() => {});
    await until(() => emulator.sessionCount === 0);
    await until(() => emulator.openStreams === 0);
    assert.equal(emulator.requests({ path: "/v1/sessions/*/cancel" }).length, 1);
  }));

test("a client that is gone before its task was started leaves nothing", () =>
  talking(ASKS, async ({ url, emulator }) => {
    emulator.fail({ on: "create", delay: 0.2 });
    const gone = new AbortController();
    const body = JSON.stringify({
      ...WHICH,
      messages: [{ id: "1", role: "user", content: "Buy" }],
    });
    const asking = fetch(url, { method: "POST", body, signal: gone.signal });
    await until(() => emulator.requests({ method: "POST", path: "/v1/sessions" }).length === 1);
    gone.abort();
    await asking.then((response) => response.text()).catch(() => {});
    await until(() => emulator.sessionCount === 0);
    assert.equal(emulator.requests({ method: "POST", path: "/v1/sessions/*/message" }).length, 0);
  }));

test("what breaks the rules of interrupts is a RUN_ERROR, and the question stays open", () =>
  talking(ASKS, async ({ agent, url, emulator }) => {
    await run(agent);
    const [{ id }] = agent.pendingInterrupts;
    const { threadId } = agent;
    const again = () => asking(url, "Buy a mug", threadId);
    const problems = [
      [{}, /The thread has an open question\. Answer it, or cancel it/],
      [
        { resume: [{ interruptId: "other", status: "resolved", payload: "x" }] },
        /no open question "other"/,
      ],
      [
        { resume: [{ interruptId: id, status: "resolved" }] },
        /The `payload` of `resume` has no answer/,
      ],
      [
        { resume: [{ interruptId: id, status: "resolved", payload: "x".repeat(10_001) }] },
        /10,?001/,
      ],
    ];
    for (const [parameters, message] of problems) {
      const { last } = await run(again(), parameters);
      assert.equal(last.type, "RUN_ERROR");
      assert.match(last.message, message);
      assert.equal(last.code, "InvalidRequestError");
    }
    assert.equal(emulator.sessionCount, 1);
    const resume = [{ interruptId: id, status: "resolved", payload: "blue" }];
    const { result } = await run(agent, { resume });
    assert.equal(result, "Bought the blue mug");
    // The same answer again does nothing twice.
    const { last } = await run(again(), { resume });
    assert.match(last.message, /no open question/);
    assert.equal(emulator.requests({ method: "POST", path: "/v1/sessions/*/message" }).length, 2);
  }));

/** Questions of a thread whose first two runs begin at once. */
class BeginAtOnce extends Map {
  #begun = 0;
  #both = withResolvers();

  get(thread) {
    this.#begun += 1;
    if (this.#begun > 2) return super.get(thread);
    if (this.#begun === 2) this.#both.resolve();
    return this.#both.promise;
  }
}

test("of two runs of a thread that ask at once one is told so, and none is lost", () => {
  const questions = new BeginAtOnce();
  const work = async ({ url, emulator }) => {
    emulator.scenario({ tasks: [{ steps: ASKS, once: false }] });
    const agents = ["Buy a mug", "Buy a cup"].map((task) => asking(url, task, "same"));
    const runs = await Promise.all(agents.map((agent) => run(agent)));
    const [told] = runs.filter(({ last }) => last.type === "RUN_ERROR");
    assert.match(told?.last.message, /^Another run of the thread asked a question meanwhile/);
    // Its session goes, and that of the question waits.
    await until(() => emulator.sessionCount === 1);
    const agent = agents[runs.findIndex(({ last }) => last.type === "RUN_FINISHED")];
    const [{ id }] = agent.pendingInterrupts;
    const resume = [{ interruptId: id, status: "resolved", payload: "blue" }];
    assert.equal((await run(agent, { resume })).last.result, "Bought the blue mug");
    await until(() => emulator.sessionCount === 0);
  };
  return talking([], work, { with: () => ({ questions }) });
});

test("no thread is stuck: a question can always be given up", () =>
  talking(ASKS, async ({ agent, url, client, emulator }) => {
    await run(agent);
    const [{ id }] = agent.pendingInterrupts;
    const resume = [{ interruptId: id, status: "cancelled" }];
    const { last } = await run(agent, { resume });
    assert.deepEqual(last.outcome, { type: "cancelled" });
    assert.equal(emulator.sessionCount, 0);
    // One that nobody knows, and one whose session is gone.
    assert.equal(
      (await run(asking(url, "Buy", "elsewhere"), { resume })).last.outcome.type,
      "cancelled",
    );
    const second = asking(url, "Buy a mug");
    await run(second);
    await client.sessions.deleteAll();
    const answer = [
      { interruptId: second.pendingInterrupts[0].id, status: "resolved", payload: "x" },
    ];
    assert.equal((await run(second, { resume: answer })).last.code, "NotFoundError");
    assert.equal(
      (await run(asking(url, "Buy a mug", second.threadId))).last.outcome.type,
      "interrupt",
    );
  }));

test("a question outlives its process where it is kept elsewhere, and a session of one's own stays", async () => {
  const kept = new Map();
  const questions = {
    get: async (thread) => kept.get(thread) ?? null,
    set: async (thread, text) => void kept.set(thread, text),
    delete: async (thread) => void kept.delete(thread),
  };
  const asked = [];
  const options = (client) => ({
    questions,
    session: async (request, { method }) => {
      asked.push({ ...request, method });
      return client.sessions.create();
    },
  });
  await talking(
    ASKS,
    async ({ agent, client, emulator }) => {
      await run(agent);
      assert.equal(kept.size, 1);
      assert.deepEqual(asked, [
        { threadId: agent.threadId, runId: asked[0].runId, prompt: "Buy a mug", method: "POST" },
      ]);
      // Another process has another route, and the same place.
      const other = serve({ fetch: agUi({ client, questions }), port: 0, hostname: "127.0.0.1" });
      if (!other.listening) await once(other, "listening");
      agent.url = `http://127.0.0.1:${other.address().port}`;
      const [{ id }] = agent.pendingInterrupts;
      const resume = [{ interruptId: id, status: "resolved", payload: "red" }];
      const { result } = await run(agent, { resume });
      assert.equal(result, "Bought the red mug");
      assert.equal(kept.size, 0);
      assert.equal(emulator.sessionCount, 1);
      other.closeAllConnections();
      other.close();
    },
    { with: options },
  );
});

test("a turn comes with its text, its tools and its plan", () =>
  talking(
    [
      { thought: "On {prompt}" },
      { plan: ["Read"] },
      { tool: "browser", output: { pages: 3 } },
      { text: "One" },
      { text: " two" },
    ],
    async ({ agent }) => {
      const { result, events } = await run(agent);
      for (const event of events) EventSchemas.parse(event);
      assert.equal(result, "One two");
      assert.deepEqual(
        agent.messages.map(({ role }) => role),
        ["user", "reasoning", "activity", "assistant", "tool", "assistant"],
      );
      assert.equal(agent.messages.at(-1).content, "One two");
      assert.equal(agent.messages.at(-2).content, '{"pages":3}');
    },
    { client: "raccoon" },
  ));

test("a failed task is a RUN_ERROR, and so is one that cannot be started", () =>
  talking([{ error: "The shop is closed" }], async ({ agent, url, emulator }) => {
    const { last } = await run(agent);
    assert.deepEqual([last.type, last.message], ["RUN_ERROR", "The shop is closed"]);
    assert.equal(emulator.sessionCount, 0);
    emulator.fail({ on: "create", status: 402 });
    const refused = await run(asking(url, "Buy a mug"));
    assert.equal(refused.last.type, "RUN_ERROR");
    assert.match(refused.last.code, /Error$/);
  }));

test("what is no run is refused", () =>
  talking(ASKS, async ({ url, client, emulator }) => {
    assert.equal((await fetch(url)).status, 405);
    const bad = await fetch(url, { method: "POST", body: "{}" });
    assert.equal(bad.status, 400);
    assert.match((await bad.json()).error, /`RunAgentInput` of AG-UI: `threadId` is missing/);
    assert.equal(emulator.requests().length, 0);
    assert.throws(
      () => agUi({}),
      (error) => {
        assert.ok(error instanceof InvalidRequestError && !(error instanceof ConfigError));
        assert.match(error.message, /`client` is no client\. Pass an `Agi` or a `Raccoon`/);
        return true;
      },
    );
    assert.throws(() => agUi({ client, sessions: 1 }), /Did you mean `session`\?/);
    await assert.rejects(all(toAgUi(given({}), { threadId: 1, runId: "r" })), InvalidRequestError);
  }));

test("the guide's route and client work together", async () => {
  const text = await readFile(join(root, "docs/ag-ui.md"), "utf8");
  const [, route] = /^```ts route\n([\s\S]*?)^```$/m.exec(text);
  assert.match(route, /export const POST = agUi/);
  const [, block] = /^```js client\n([\s\S]*?)^```$/m.exec(text);
  const program = block.replace(/^import .*\n/, "");
  const AsyncFunction = (async () => {}).constructor;
  await talking(ASKS, async ({ url }) => {
    let shown;
    const show = (messages) => {
      shown = messages;
    };
    const ask = async (question) => (question === "Which colour?" ? "blue" : "?");
    await new AsyncFunction("HttpAgent", "url", "ask", "show", program)(HttpAgent, url, ask, show);
    assert.equal(shown.at(-1).content, "Bought the blue mug");
  });
});
