// Spans by OpenTelemetry: what they say, what they must not say, and that they end.

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { context, propagation, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  CompositePropagator,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from "@opentelemetry/core";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { Agi, Emulator, Raccoon, setLogger } from "sessionwire";
import { failure, node, root, script, until, using } from "./helpers.mjs";

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const tracer = provider.getTracer("test");
const INVOKE = "invoke_agent agi-0";
const asks = script(
  { thought: "Looking" },
  { question: "Which one?" },
  { done: "Bought: {answer}" },
);
const waits = script({ thought: "one" }, { delay: 3600 });

before(() => {
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  const propagators = [new W3CTraceContextPropagator(), new W3CBaggagePropagator()];
  propagation.setGlobalPropagator(new CompositePropagator({ propagators }));
});
after(() => setLogger(null));
beforeEach(() => exporter.reset());

const spans = () => exporter.getFinishedSpans();
const names = () => spans().map((span) => span.name);

function one(name) {
  const found = spans().filter((span) => span.name === name);
  assert.equal(found.length, 1, `${name} in ${names()}`);
  return found[0];
}

function isBelow(span, other) {
  return span.parentSpanContext?.spanId === other.spanContext().spanId;
}

function named(span) {
  const { traceId, spanId } = span.spanContext();
  return `00-${traceId}-${spanId}-`;
}

/** The error of a span that failed. */
function failed(span) {
  const { code, message } = span.status;
  assert.equal(message, undefined);
  const error = span.attributes["error.type"];
  assert.equal(code, error === undefined ? SpanStatusCode.UNSET : SpanStatusCode.ERROR);
  return error;
}

function eventsOf(span) {
  return span.events.map((event) => event.name).filter((name) => name !== "sessionwire.request");
}

/** Runs `work` with an emulator and a client of it. */
async function withClient(scenario, work, options = {}) {
  const emulator = await Emulator.start({ stepDelay: 1, ...(scenario && { scenario }) });
  return using(emulator, () => using(emulator.agi(options), (client) => work(client, emulator)));
}

const within = (span, work) => context.with(trace.setSpan(context.active(), span), work);

test("a task and its calls have spans, and the service is told of each", async () => {
  const scenario = script({ thought: "Looking" }, { done: "Bought" });
  await withClient(scenario, async (client, emulator) => {
    assert.equal((await client.runTask("Buy it")).text, "Bought");
    assert.deepEqual(names(), ["create_session", INVOKE, "end_session", "run_task"]);
    const [whole, run] = [one("run_task"), one(INVOKE)];
    for (const span of spans().slice(0, -1)) assert.ok(isBelow(span, whole), span.name);
    const session = run.attributes["gen_ai.conversation.id"];
    const { "sessionwire.request_count": _, ...told } = run.attributes;
    assert.deepEqual(told, {
      "gen_ai.provider.name": "agi",
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.name": "agi-0",
      "gen_ai.conversation.id": session,
      "server.address": "127.0.0.1",
      "server.port": Number(new URL(emulator.url).port),
      "sessionwire.operation": "start_task",
      "sessionwire.outcome": "completed",
      "sessionwire.event_count": 2,
    });
    assert.deepEqual(eventsOf(run), ["sessionwire.thought", "sessionwire.done"]);
    const created = one("create_session").attributes;
    assert.equal(created["gen_ai.conversation.id"], session);
    assert.equal(created["url.template"], "/sessions");
    assert.ok(spans().every((span) => failed(span) === undefined));
    for (const { path, method, headers } of emulator.requests()) {
      const end = method === "DELETE" ? one("end_session") : run;
      const span = path === "/v1/sessions" ? one("create_session") : end;
      assert.ok(headers.traceparent.startsWith(named(span)), `${method} ${path}`);
    }
  });
});

test("what is asked of a task, and its callbacks, are below it", async () => {
  await withClient(asks, async (client) => {
    const outer = tracer.startSpan("outer");
    await within(outer, async () => {
      await client.runTask("Buy it", {
        onQuestion: async () => {
          await new Promise(setImmediate);
          tracer.startSpan("mine").end();
          return "blue";
        },
      });
      assert.equal(trace.getActiveSpan(), outer);
    });
    outer.end();
    assert.ok(isBelow(one("answer"), one(INVOKE)));
    assert.ok(isBelow(one("mine"), one(INVOKE)));
    assert.ok(isBelow(one("run_task"), one("outer")));
  });
});

test("the end of a loop, a close and a failure end the span of a task", async () => {
  await withClient(script({ thought: "x" }, { error: "no" }), async (client) => {
    const session = await client.sessions.create();
    const task = await session.startTask("Buy it");
    const types = [];
    for await (const event of task) types.push(event.type);
    assert.deepEqual(types, ["thought", "error"]);
    assert.equal(failed(one(INVOKE)), "TaskError");
    assert.equal(one(INVOKE).attributes["sessionwire.outcome"], "failed");
    await failure(() => task.result());
    await task.close();
    assert.deepEqual(names(), ["create_session", INVOKE]);
  });
});

test("a handle that is left, here or for another process, ends its span", async () => {
  await withClient(asks, async (client) => {
    const session = await client.sessions.create();
    const task = await session.startTask("Buy it");
    const loop = task[Symbol.asyncIterator]();
    assert.equal((await loop.next()).value.type, "thought");
    assert.equal((await loop.next()).value.type, "question");
    const handle = task.handle();
    await task.close();
    const first = one(INVOKE);
    assert.equal(first.attributes["sessionwire.outcome"], "unfinished");
    assert.equal(failed(first), undefined);
    const again = await client.resume(handle);
    await again.answer("blue");
    await again.result();
    const second = one("invoke_agent");
    assert.equal(second.attributes["sessionwire.outcome"], "completed");
    assert.equal(
      second.attributes["gen_ai.conversation.id"],
      first.attributes["gen_ai.conversation.id"],
    );
    await again.close();
  });
});

test("a time that is up and an abort are failures", async () => {
  await withClient(waits, async (client) => {
    await failure(() => client.runTask("Buy it", { timeout: 200 }));
    assert.equal(failed(one(INVOKE)), "TaskTimeout");
    exporter.reset();
    const controller = new AbortController();
    const onEvent = () => controller.abort();
    await failure(() => client.runTask("Buy it", { onEvent, signal: controller.signal }));
    assert.equal(failed(one(INVOKE)), "AbortError");
    assert.equal(failed(one("run_task")), "AbortError");
    assert.equal(failed(one("end_session")), undefined);
  });
});

test("a question that nobody answers", async () => {
  await withClient(asks, async (client) => {
    await failure(() => client.runTask("Buy it"));
    assert.equal(failed(one(INVOKE)), "QuestionPending");
  });
});

test("what is dropped is ended by the garbage collector, what is open by the end of the program", async () => {
  const program = `
    import { trace } from "@opentelemetry/api";
    import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
    import { Emulator } from "sessionwire";
    const exporter = { export: ([span], done) => { console.log(span.name, span.attributes["sessionwire.outcome"]); done({ code: 0 }); } };
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
    const emulator = await Emulator.start({ scenario: ${JSON.stringify(waits)} });
    const client = emulator.agi();
    const session = await client.sessions.create();
    let ended = 0;
    const start = async () => { const task = await session.startTask("x", { ifBusy: "cancel" }); for await (const event of task) break; };
    await start();
    for (let count = 0; count < 100; count += 1) { globalThis.gc(); await new Promise((resolve) => setTimeout(resolve, 5)); }
    console.log("collected");
    globalThis.kept = await session.startTask("y", { ifBusy: "cancel" });
    process.exit();
  `;
  const { code, stdout, stderr } = await node([
    "--expose-gc",
    "--input-type=module",
    "-e",
    program,
  ]);
  assert.equal(code, 0, stderr);
  const [before, after] = stdout.split("collected");
  assert.match(before, /invoke_agent agi-0 unfinished/);
  assert.match(after, /invoke_agent agi-0 unfinished/);
});

test("each of many tasks has a span below that of all", async () => {
  const scenario = {
    tasks: [
      { match: "bad", steps: [{ error: "no" }] },
      { steps: [{ thought: "x" }, { done: "yes" }] },
    ],
  };
  await withClient(scenario, async (client, emulator) => {
    for await (const outcome of client.runTasks(["good", "bad"])) assert.ok(outcome);
    const whole = one("run_tasks");
    const runs = spans().filter((span) => span.name === INVOKE);
    assert.equal(runs.length, 2);
    assert.deepEqual(runs.map(failed).sort(), ["TaskError", undefined]);
    for (const run of runs) {
      assert.ok(isBelow(run, whole));
      assert.equal(eventsOf(run).length, run.attributes["sessionwire.event_count"]);
    }
    for (const { headers } of emulator.requests()) {
      assert.ok(headers.traceparent.startsWith(named(whole)));
    }
  });
});

test("turns, many turns and uploads have spans", async () => {
  const emulator = await Emulator.start({ stepDelay: 1 });
  await using(emulator, () =>
    using(emulator.raccoon(), async (client) => {
      const content = Buffer.from("hello");
      const result = await client.runTurn("Read it", { files: [{ name: "a.txt", content }] });
      const run = one("invoke_agent");
      assert.equal(run.attributes["gen_ai.provider.name"], "raccoon");
      assert.equal(run.attributes["sessionwire.outcome"], "completed");
      assert.equal(run.attributes["gen_ai.conversation.id"], result.sessionId);
      assert.equal(eventsOf(run).at(-1), "sessionwire.task.completed");
      assert.equal(one("upload").attributes["gen_ai.conversation.id"], result.sessionId);
      const socket = emulator.requests().find(({ path }) => path.includes("/ws/"));
      assert.ok(socket.headers.traceparent.startsWith(named(run)));
      exporter.reset();
      await client.runTurns(["one", "two"]).all();
      const runs = spans().filter((span) => span.name === "invoke_agent");
      assert.equal(runs.length, 2);
      assert.ok(runs.every((each) => isBelow(each, one("run_turns"))));
    }),
  );
});

test("a call is one span over its retries", async () => {
  await withClient(undefined, async (client, emulator) => {
    emulator.fail({ on: "list", status: 503, times: 2, headers: { "Retry-After": "0" } });
    await client.sessions.list();
    const { attributes, events } = one("list_sessions");
    assert.equal(attributes["http.response.status_code"], 200);
    assert.equal(attributes["http.request.resend_count"], 2);
    const statuses = events.map((event) => event.attributes["http.response.status_code"]);
    assert.deepEqual(statuses, [503, 503, 200]);
    assert.equal(new Set(emulator.requests().map(({ headers }) => headers.traceparent)).size, 1);
    emulator.fail({ on: "get", status: 404, headers: { "X-Request-Id": "req-1" } });
    await failure(() => client.sessions.get("nowhere"));
    assert.equal(failed(one("get_session")), "NotFoundError");
    assert.equal(one("get_session").attributes["sessionwire.request_id"], "req-1");
  });
});

test("a traceparent of the caller wins, baggage stays here, and no other header changes", async () => {
  const mine = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await withClient(
    undefined,
    async (client, emulator) => {
      await client.sessions.list();
      assert.equal(emulator.requests()[0].headers.traceparent, mine);
    },
    { headers: { traceparent: mine } },
  );
  await withClient(undefined, async (client, emulator) => {
    const baggage = propagation.createBaggage({ customer: { value: "hidden" } });
    const active = propagation.setBaggage(context.active(), baggage);
    await context.with(active, () => client.sessions.list());
    await using(emulator.agi({ telemetry: false }), (plain) => plain.sessions.list());
    const [traced, plain] = emulator.requests();
    const more = Object.keys(traced.headers).filter((name) => !(name in plain.headers));
    assert.deepEqual(more, ["traceparent"]);
  });
});

test("a stream tells of the span that is current", async () => {
  await withClient(script({ done: "ok" }), async (client, emulator) => {
    const session = await client.sessions.create();
    await session.runTask("go");
    const mine = tracer.startSpan("mine");
    await within(mine, async () => {
      for await (const event of session.events()) if (event.type === "done") break;
    });
    const opened = emulator.requests().filter(({ path }) => path.endsWith("/events"));
    assert.ok(opened.at(-1).headers.traceparent.startsWith(named(mine)));
  });
});

test("a provider of the client's own needs no other, and options that are odd are refused", async () => {
  const own = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(own)],
  });
  await withClient(
    undefined,
    async (client) => {
      await client.withOptions({ timeout: 5000 }).sessions.list();
      await using(client.sessions.pool(1), (pool) =>
        pool.withSession((session) => session.messages()),
      );
    },
    { tracerProvider },
  );
  assert.deepEqual(names(), []);
  assert.deepEqual(
    own.getFinishedSpans().map((span) => span.name),
    ["list_sessions", "messages"],
  );
});

test("g08 odd options are refused", async () => {
  for (const Client of [Agi, Raccoon]) {
    for (const options of [{ telemetry: "yes" }, { tracerProvider: "console" }]) {
      const error = await failure(async () => new Client({ apiKey: "key", ...options }));
      assert.equal(error.name, "ConfigError");
      assert.match(error.message, new RegExp(Object.keys(options)[0]));
    }
  }
});

test("without a provider nothing is loaded, and nothing is sent", async () => {
  const program = (start) => `
    const { createRequire } = require("node:module");
    ${start}
    const { Emulator } = require("sessionwire");
    (async () => {
      const emulator = await Emulator.start();
      const client = emulator.agi();
      await client.runTask("go");
      console.log(emulator.requests().some(({ headers }) => "traceparent" in headers));
      await client.close();
      await emulator.close();
    })();
  `;
  const alone =
    program("") +
    'process.on("exit", () => console.log(Object.keys(require.cache).some((file) => file.includes("opentelemetry"))));';
  for (const [text, wanted] of [
    [alone, "false\nfalse\n"],
    [program('require("@opentelemetry/api");'), "false\n"],
  ]) {
    const { code, stdout, stderr } = await node(["-e", text]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, wanted);
  }
});

test("what fails in tracing fails no call, and is spoken of once", async () => {
  const program = `
    const { Emulator } = require("sessionwire");
    const { trace } = require("@opentelemetry/api");
    trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan: () => { throw new Error("no such thing"); } }) });
    process.on("warning", (warning) => console.log(warning.message));
    (async () => {
      const emulator = await Emulator.start();
      const client = emulator.agi();
      await client.runTask("go");
      await client.close();
      await emulator.close();
    })();
  `;
  const { code, stdout, stderr } = await node(["-e", program]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "A span could not be begun: no such thing\n");
});

const key = "sk-very/secret key+0123456789";
const hidden = ["very/secret", "0123456789", "c3Z2ZXI", "MY TASK", "MY ANSWER", "MY THOUGHT"];

test("g07 no span and no field says a secret", async () => {
  const fields = [];
  const write = (_message, values) => fields.push(values);
  setLogger({ debug: write, warn: write });
  const steps = [
    { thought: `MY THOUGHT ${key}` },
    { question: `MY ANSWER ${key}` },
    { done: `MY ANSWER ${key}` },
  ];
  const emulator = await Emulator.start({ stepDelay: 0, scenario: script(...steps) });
  await using(emulator, async () => {
    const options = { apiKey: key, baseUrl: emulator.url, maxRetries: 1 };
    await using(new Agi(options), async (client) => {
      await client.runTask("MY TASK", { onQuestion: () => "MY ANSWER" });
      for (const status of [404, 429, 500]) {
        emulator.fail({
          on: "get",
          status,
          times: 2,
          body: { error: `${key} MY TASK`, code: key },
          headers: { "X-Request-Id": key, "X-Echo": key, "Retry-After": "0" },
        });
        await failure(() => client.sessions.get(key));
        emulator.clearFaults();
      }
      await failure(() => client.request("GET", `/${key}/x`, { query: { signature: "c3Z2ZXI" } }));
      for await (const _ of client.runTasks(["MY TASK"]));
    });
    await using(new Raccoon({ apiKey: key, baseUrl: emulator.raccoonUrl }), async (client) => {
      await client.runTurn("MY TASK");
    });
  });
  await until(() => fields.length > 20);
  setLogger(null);
  assert.ok(spans().length > 10, names().join());
  const seen = JSON.stringify([
    fields,
    spans().map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
  ]);
  for (const text of hidden) assert.ok(!seen.replaceAll("\\", "").includes(text), text);
});

test("content is told to who asks for it", async (t) => {
  const name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
  process.env[name] = "true";
  t.after(() => delete process.env[name]);
  const scenario = script({ thought: "Looking" }, { done: "It is blue" });
  await withClient(scenario, async (client) => {
    await client.runTask("Which one?");
    const { attributes, events } = one(INVOKE);
    const [asked] = JSON.parse(attributes["gen_ai.input.messages"]);
    assert.deepEqual(asked, { role: "user", parts: [{ type: "text", content: "Which one?" }] });
    const [gave] = JSON.parse(attributes["gen_ai.output.messages"]);
    assert.equal(gave.parts[0].content, "It is blue");
    assert.ok(events.some((event) => event.attributes["sessionwire.event.text"] === "Looking"));
  });
});

test("a logger with two parameters gets fields", async () => {
  const seen = [];
  const write = (message, fields) => seen.push([message, fields]);
  setLogger({ debug: write, warn: write });
  await withClient(undefined, async (client, emulator) => {
    emulator.fail({ on: "list", status: 503, headers: { "Retry-After": "0" } });
    await client.sessions.list();
    await until(() => seen.length >= 3);
  });
  setLogger(null);
  const { traceId } = one("list_sessions").spanContext();
  const [[line, refused], [, waited], [, found]] = seen;
  assert.match(line, /^sessionwire: request /);
  assert.equal(refused.status, 503);
  assert.equal(refused.error, "InternalServerError");
  assert.equal(found.attempt, 2);
  assert.equal(typeof waited.wait, "number");
  for (const fields of [refused, waited, found]) assert.equal(fields.trace_id, traceId);
});

test("the guide runs", async () => {
  const guide = await readFile(join(root, "docs/telemetry.md"), "utf8");
  const [, program] = /^```js program\n([\s\S]*?)^```$/m.exec(guide);
  const folder = join(root, "target/telemetry");
  await mkdir(folder, { recursive: true });
  const file = join(folder, "guide.mjs");
  await writeFile(file, program);
  const { code, stdout, stderr } = await node([file]);
  assert.equal(code, 0, stderr);
  const shown = Array.from(stdout.matchAll(/^ {2}name: '(.*)',$/gm), ([, name]) => name);
  assert.deepEqual(shown, ["create_session", INVOKE, "end_session", "run_task"]);
});
