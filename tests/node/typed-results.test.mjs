// `output`: results that fit a schema, are asked for again, or are refused with what came.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import {
  Emulator,
  InvalidRequestError,
  QuestionPending,
  TaskError,
  TaskTimeout,
} from "sessionwire";
import * as v from "valibot";
import { z } from "zod";
import { all, until } from "./helpers.mjs";

const MUG = { name: "Blue", price: 12.5 };

/** A schema that a user writes by hand. */
const byHand = {
  "~standard": {
    version: 1,
    vendor: "mine",
    async validate(value) {
      if (typeof value?.price === "number") return { value };
      return { issues: [{ message: "Expected a number", path: [{ key: "price" }] }] };
    },
  },
};
const ITS_JSON_SCHEMA = { type: "object", properties: { price: { type: "number" } } };

/** Each kind: the schema, what fits it, and what it makes of that. */
const SCHEMAS = {
  zod: [z.object({ name: z.string(), price: z.number() }), MUG, MUG],
  "zod that transforms": [
    z.object({ name: z.string(), price: z.number().transform((price) => `${price} EUR`) }),
    MUG,
    { name: "Blue", price: "12.5 EUR" },
  ],
  "zod with optional fields": [
    z.object({
      name: z.string(),
      note: z.string().optional(),
      tags: z.array(z.string()).default([]),
    }),
    { name: "Blue" },
    { name: "Blue", tags: [] },
  ],
  "zod list": [z.array(z.object({ name: z.string() })).min(1), [MUG], [{ name: "Blue" }]],
  "zod union": [z.union([z.object({ price: z.number() }), z.null()]), null, null],
  arktype: [type({ name: "string", price: "number > 0" }), MUG, MUG],
  "arktype list": [type({ name: "string", price: "number" }).array(), [MUG], [MUG]],
  valibot: [toStandardJsonSchema(v.object({ name: v.string(), price: v.number() })), MUG, MUG],
  "valibot with a JSON schema": [
    { schema: v.object({ price: v.number() }), jsonSchema: ITS_JSON_SCHEMA },
    MUG,
    { price: 12.5 },
  ],
  "a schema by hand": [{ schema: byHand, jsonSchema: ITS_JSON_SCHEMA }, MUG, MUG],
};

/** What is sent instead of the result. */
const BROKEN = {
  prose: "It costs twelve euros fifty.",
  half: '{"name": "Blue", "price": ',
  other: { sorry: [true] },
  empty: "",
  fenced: "Here you are:\n```json\n[[false]]\n```\nAnything else?",
};

let emulator;
let client;

before(async () => {
  emulator = await Emulator.start({ stepDelay: 0 });
  client = emulator.agi();
});

beforeEach(() => {
  emulator.clearFaults();
  emulator.clearRequests();
});

after(async () => {
  await client.close();
  await emulator.close();
});

/** One task after the other gives these. */
function answers(...contents) {
  const tasks = contents.map((done) => ({ once: true, verbatim: true, steps: [{ done }] }));
  emulator.scenario({ tasks });
}

function sent() {
  const match = { method: "POST", path: "/v1/sessions/*/message" };
  return emulator.requests(match).map((request) => request.json().message);
}

for (const [name, [output, fitting, expected]] of Object.entries(SCHEMAS)) {
  for (const [how, broken] of Object.entries(BROKEN)) {
    test(`${name}: ${how} is asked for once more`, async () => {
      answers(broken, fitting);
      const result = await client.runTask("What does the mug cost?", { output, repairs: 1 });
      assert.deepEqual(result.output, expected);
      assert.deepEqual(
        result.refused.map((one) => one.data),
        [broken],
      );
      const [task, repair] = sent();
      assert.ok(task.startsWith("What does the mug cost?\n\nGive the result as JSON alone"));
      assert.match(repair, /Do not do the task again/);
      const [, schema] = task.split("JSON schema:\n");
      assert.equal(typeof JSON.parse(schema), "object");
      assert.ok(repair.endsWith(schema));
      assert.equal(sent().length, 2);
    });

    test(`${name}: ${how} is refused, and nothing is lost`, async () => {
      answers("no", broken);
      const refused = await client.runTask("x", { output, repairs: 1 }).catch((error) => error);
      assert.ok(refused instanceof TaskError, String(refused));
      assert.match(refused.message, /does not fit `output` after 1 repair: /);
      assert.ok(["no_json", "unexpected_shape"].includes(refused.reason));
      assert.deepEqual(refused.result.data, broken);
      assert.equal(refused.result.refused[0].data, "no");
      assert.equal(sent().length, 2);
    });
  }

  test(`${name}: a result that fits costs one message`, async () => {
    answers(`So it is.\n\`\`\`json\n${JSON.stringify(fitting)}\n\`\`\`\nBye.`);
    const session = await client.sessions.create();
    const result = await session.runTask("x", { output, repairs: 3 });
    await session.delete();
    assert.deepEqual(result.output, expected);
    assert.deepEqual(result.refused, []);
    assert.equal(sent().length, 1);
  });
}

test("without output there is none", async () => {
  answers(MUG);
  const result = await client.runTask("x");
  assert.equal(result.output, null);
  assert.deepEqual(sent(), ["x"]);
});

test("the agent is told what was wrong, and where", async () => {
  answers({ name: "Blue", price: "dear" }, MUG);
  await client.runTask("x", { output: SCHEMAS.zod[0], repairs: 1 });
  assert.match(sent()[1], /\nprice: Invalid input: expected number/);
  answers({ price: "dear" }, MUG);
  await client.runTask("x", { output: byHand, repairs: 1, describeOutput: false });
  assert.equal(sent()[2], "x");
  assert.match(sent()[3], /\nprice: Expected a number/);
  assert.doesNotMatch(sent()[3], /schema/);
});

test("a text without JSON is checked as it is", async () => {
  answers("red");
  const { output } = await client.runTask("x", { output: z.enum(["red", "blue"]) });
  assert.equal(output, "red");
  answers("42");
  assert.equal((await client.runTask("x", { output: z.string() })).output, "42");
});

for (const [text, x] of [
  ['```json\n{"draft": true}\n```\nSo the result is {"x": 2}', 2],
  ['I had {"x": 1, "note": "of this I am not sure"} but the final result is {"x": 2}', 2],
  ['Like `{"example": "of a longer object"}`: {"x": 2}', 2],
  ['{"x": 1}\n{"x": 2}', 2],
  ['"{\\"x\\": 2}"', 2],
  ['```json\n{"x": 1}\n```\nNo, this:\n```json\n{"x": 2}\n```', 2],
  ['{"x": 2} (see [1] and {})', 2],
  ['[{"x": 2}, {"y": 3} and so on', 2],
  // What is part of something else is no result.
  ['{"items": [{"x": 1}]} or {"x": "many"}', undefined],
]) {
  test(`the last that fits wins: ${text}`, async () => {
    answers(text);
    const run = client.runTask("x", { output: z.object({ x: z.number() }) });
    if (x !== undefined) assert.deepEqual((await run).output, { x });
    else await assert.rejects(run, { reason: "unexpected_shape", message: /received undefined/ });
  });
}

for (const [options, says] of [
  [{ output: {} }, /`output` is no Standard Schema/],
  [{ output: null }, /`output` is no Standard Schema/],
  [{ output: z.string, repairs: 1 }, /`output` is no Standard Schema/],
  [{ output: v.string() }, /does not know its JSON schema.*jsonSchema.*describeOutput/],
  [{ output: z.date() }, /`output` has no JSON schema: .*Date/],
  [{ repairs: 1 }, /`repairs` needs `output`/],
  [{ output: z.string(), repairs: -1 }, /`repairs` must be/],
  [{ output: z.string(), repairs: 1.5 }, /`repairs` must be/],
  [{ output: z.string(), repairs: "1" }, /`repairs` must be/],
  [{ output: z.enum(Array.from({ length: 2000 }, (_, at) => `v${at}`)) }, /with the JSON schema/],
]) {
  test(`g08: ${says} costs nothing`, async () => {
    const refused = { name: "InvalidRequestError", message: says };
    await assert.rejects(client.runTask("x", options), refused);
    await assert.rejects(client.sessions.attach("s").runTask("x", options), refused);
    assert.equal(emulator.requests({ method: "POST" }).length, 0);
  });
}

test("a repair that fails leads to the result that did not fit", async () => {
  const output = SCHEMAS.zod[0];
  const first = { once: true, steps: [{ done: "dear" }] };
  const failing = async (step, type, options) => {
    emulator.scenario({ tasks: [first, { steps: [step] }] });
    const run = client.runTask("x", { output, repairs: 1, ...options });
    const error = await run.catch((failure) => failure);
    assert.ok(error instanceof type, String(error));
    assert.ok(error.cause instanceof TaskError);
    assert.equal(error.cause.result.data, "dear");
  };
  await failing({ question: "Why?" }, QuestionPending);
  await failing({ error: "Tired" }, TaskError);
  await failing({ delay: 3600 }, TaskTimeout, { timeout: 1000 });

  const inner = new Error("nobody");
  emulator.scenario({ tasks: [first, { steps: [{ question: "Why?" }] }] });
  const onQuestion = () => {
    throw new RangeError("gone", { cause: inner });
  };
  await assert.rejects(client.runTask("x", { output, repairs: 1, onQuestion }), {
    message: "gone",
    cause: inner,
  });
  assert.equal(inner.cause.result.data, "dear");
});

test("g03: a repair whose answer is lost is not sent again", async () => {
  answers("dear", MUG);
  const onEvent = (event) => {
    if (event.type === "done" && sent().length === 1) {
      emulator.fail({ on: "message", reset: true, after: true });
    }
  };
  const output = SCHEMAS.zod[0];
  const result = await client.runTask("x", { output, repairs: 1, onEvent });
  assert.deepEqual(result.output, MUG);
  assert.equal(sent().length, 2);
});

test("questions and a failure of the task are as ever", async () => {
  const asks = { question: "Which?" };
  emulator.scenario({
    tasks: [
      { once: true, steps: [asks, { done: "prose" }] },
      { once: true, steps: [asks, { done: MUG }] },
      { once: true, steps: [{ error: "The shop is closed" }] },
    ],
  });
  const asked = [];
  const onQuestion = (question) => {
    asked.push(question.text);
    return "blue";
  };
  const options = { output: SCHEMAS.zod[0], repairs: 1, onQuestion };
  assert.deepEqual((await client.runTask("x", options)).output, MUG);
  assert.deepEqual(asked, ["Which?", "Which?"]);
  await assert.rejects(client.runTask("x", options), { message: /shop is closed/, result: null });
});

test("a fault of the schema itself is told with the result, and asked once", async () => {
  const output = z.object({ name: z.string() }).transform(() => {
    throw new RangeError("no such key");
  });
  answers(MUG);
  const refused = await client.runTask("x", { output, repairs: 5 }).catch((error) => error);
  assert.ok(refused.cause instanceof RangeError);
  assert.deepEqual(refused.result.data, MUG);
  assert.equal(sent().length, 1);
});

test("an abort during a repair is the caller's reason", async () => {
  emulator.scenario({
    tasks: [{ once: true, steps: [{ done: "dear" }] }, { steps: [{ delay: 3600 }] }],
  });
  const controller = new AbortController();
  const options = { output: SCHEMAS.zod[0], repairs: 1, signal: controller.signal };
  const run = client.runTask("x", options);
  await until(() => sent().length === 2);
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(run, (error) => error === reason);
});

test("many tasks", async () => {
  emulator.scenario({
    tasks: [
      { match: "blue", steps: [{ done: MUG }] },
      { match: "red", steps: [{ done: "dear" }] },
    ],
  });
  const tasks = ["the blue mug", { message: "the red mug", id: "red" }];
  const outcomes = await all(client.runTasks(tasks, { output: SCHEMAS.zod[0] }));
  const [blue, red] = outcomes.sort((one, other) => one.index - other.index);
  assert.equal(blue.task, "the blue mug");
  assert.deepEqual(blue.result.output, MUG);
  assert.equal(red.result, null);
  assert.equal(red.id, "red");
  assert.equal(red.error.result.text, "dear");
  assert.ok(sent().every((message) => message.includes("JSON schema")));
  assert.throws(() => client.runTasks(tasks, { output: v.string() }), InvalidRequestError);
});
