// Tasks: running one to its end, its events, questions, results, time limits.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import {
  Emulator,
  QuestionPending,
  SessionwireError,
  Task,
  TaskError,
  TaskTimeout,
} from "sessionwire";
import { z } from "zod";
import { all, script, timeUp, until } from "./helpers.mjs";

let emulator;
let client;
let session;

before(async () => {
  emulator = await Emulator.start({ stepDelay: 1 });
  client = emulator.agi();
});

beforeEach(async () => {
  emulator.clearFaults();
  emulator.scenario({ tasks: [] });
  session = await client.sessions.create();
});

after(async () => {
  await client.close();
  await emulator.close();
});

test("a task with a question is answered by onQuestion", async () => {
  emulator.scenario(
    script({ thought: "hm" }, { question: "Morning or evening?" }, { done: "You said {answer}" }),
  );
  const seen = [];
  const questions = [];
  const result = await session.runTask("Find a flight", {
    onEvent: (event) => seen.push(event.type),
    onQuestion: async (question) => {
      questions.push(question.text);
      return "morning";
    },
  });
  assert.deepEqual(questions, ["Morning or evening?"]);
  assert.deepEqual(seen, ["thought", "question", "done"]);
  assert.equal(result.text, "You said morning");
  assert.equal(result.data, "You said morning");
  assert.equal(result.sessionId, session.sessionId);
  assert.equal(typeof result.messageId, "number");
  assert.ok(result.duration > 0 && result.duration < 10_000);
  assert.deepEqual(
    result.messages.map((message) => message.type),
    ["USER", "THOUGHT", "QUESTION", "USER", "DONE"],
  );
  assert.ok(result.messages.every((message) => message.timestamp instanceof Date));
});

test("g02 the second of two tasks gives the second result", async () => {
  emulator.scenario({
    tasks: [
      { match: "first", steps: [{ thought: "one" }, { done: "result one" }] },
      { match: "second", steps: [{ thought: "two" }, { done: { summary: "result two", n: 2 } }] },
    ],
  });
  const first = await session.runTask("the first task");
  const second = await session.runTask("the second task");
  assert.equal(first.text, "result one");
  assert.equal(second.text, "result two");
  assert.deepEqual(second.data, { summary: "result two", n: 2 });
  const task = await session.startTask("the second task");
  const events = await all(task);
  assert.deepEqual(
    events.map((event) => event.text),
    ["two", "result two"],
  );
});

test("a task is a handle: iterate, answer, result", async () => {
  emulator.scenario(script({ question: "Which colour?" }, { done: "{answer}" }));
  const task = await session.startTask("Buy paint");
  assert.ok(task instanceof Task);
  assert.equal(task.sessionId, session.sessionId);
  for await (const event of task) {
    if (event.type !== "question") continue;
    assert.equal(task.question.text, "Which colour?");
    assert.equal(await task.status(), "waiting_for_input");
    const answer = await task.answer("green");
    assert.equal(answer.success, true);
  }
  assert.equal(task.question, null);
  assert.equal((await task.result()).text, "green");
});

test("leaving the loop keeps the task; a new loop goes on", async () => {
  emulator.scenario(script({ thought: "a" }, { thought: "b" }, { thought: "c" }, { done: "d" }));
  const task = await session.startTask("Spell");
  const texts = [];
  for await (const event of task) {
    texts.push(event.text);
    if (texts.length === 2) break;
  }
  for await (const event of task) texts.push(event.text);
  assert.deepEqual(texts, ["a", "b", "c", "d"]);
  assert.equal((await task.result()).text, "d");
});

test("a task gives its events one by one, and return ends the reading only", async () => {
  emulator.scenario(script({ thought: "a" }, { thought: "b" }, { done: "c" }));
  const task = await session.startTask("Spell");
  assert.equal((await task.next()).value.text, "a");
  for await (const event of task) {
    assert.equal(event.text, "b");
    break;
  }
  assert.deepEqual(await task.return(), { value: undefined, done: true });
  assert.deepEqual(await task.next(), { value: undefined, done: true });
  await until(() => emulator.openStreams === 0);
  assert.equal(await session.wait(), "finished");
});

test("an open question without a handler is QuestionPending, and the task stays answerable", async () => {
  emulator.scenario(script({ question: "Which one?" }, { done: "took {answer}" }));
  for (const options of [{}, { onEvent() {} }]) {
    const error = await session.runTask("Choose", options).then(
      () => assert.fail("a question is no result"),
      (error) => error,
    );
    assert.ok(error instanceof QuestionPending, error.stack);
    assert.equal(error.question.type, "question");
    assert.equal(error.question.text, "Which one?");
    assert.ok(error.task instanceof Task);
    assert.ok(!Object.keys(error).includes("task"));
    assert.match(error.message, /task\.answer.*onQuestion/);
    await error.task.answer("the red one");
    assert.equal((await error.task.result()).text, "took the red one");
  }
});

test("a failed task is a TaskError with its events", async () => {
  emulator.scenario(script({ thought: "trying" }, { error: "the shop is closed" }));
  await assert.rejects(session.runTask("Buy"), (error) => {
    assert.ok(error instanceof TaskError);
    assert.equal(error.name, "TaskError");
    assert.match(error.message, /the shop is closed/);
    assert.equal(error.sessionId, session.sessionId);
    assert.deepEqual(
      error.events.map((event) => event.type),
      ["thought", "error"],
    );
    return true;
  });
});

test("timeout covers the callbacks too and leaves the task running", async (t) => {
  emulator.scenario(script({ thought: "slow" }, { delay: 60 }, { done: "late" }));
  for (const callbacks of [{}, { onEvent: () => new Promise(() => {}) }]) {
    await assert.rejects(session.runTask("Wait", timeUp(t, 200, callbacks)), (error) => {
      assert.ok(error instanceof TaskTimeout, error.stack);
      assert.match(error.message, /within 200 ms.*in its session/);
      assert.equal(error.sessionId, session.sessionId);
      assert.deepEqual(
        error.events.map((event) => event.text),
        ["slow"],
      );
      return true;
    });
    assert.equal(await session.executionStatus(), "running");
    await session.cancel();
  }
});

test("cancelOnTimeout cancels the task", async (t) => {
  emulator.scenario(script({ thought: "slow" }, { delay: 60 }));
  const options = { ...timeUp(t, 100), cancelOnTimeout: true };
  await assert.rejects(session.runTask("Wait", options), TaskTimeout);
  assert.equal(await session.executionStatus(), "finished");
});

test("g04 an onQuestion that never ends is a TaskTimeout, and cancelled", async () => {
  for (const cancelOnTimeout of [true, false]) {
    emulator.scenario(script({ question: "Which?" }, { done: "late" }));
    const options = { onQuestion: () => new Promise(() => {}), timeout: 300, cancelOnTimeout };
    await assert.rejects(session.runTask("Ask", options), (error) => {
      assert.ok(error instanceof TaskTimeout, error.stack);
      assert.match(error.message, /within 300 ms/);
      assert.equal(error.sessionId, session.sessionId);
      assert.deepEqual(
        error.events.map((event) => event.text),
        ["Which?"],
      );
      return true;
    });
    const wanted = cancelOnTimeout ? "finished" : "waiting_for_input";
    assert.equal(await session.executionStatus(), wanted);
    if (!cancelOnTimeout) await session.cancel();
  }
});

test("a start that hangs is a TaskTimeout too", async () => {
  emulator.fail({ on: "message", hang: true });
  await assert.rejects(session.runTask("Wait", { timeout: 100 }), (error) => {
    assert.ok(error instanceof TaskTimeout, error.stack);
    assert.equal(error.sessionId, session.sessionId);
    return true;
  });
});

test("an error thrown in a callback comes through", async () => {
  emulator.scenario(script({ question: "?" }, { done: "x" }));
  const mine = new Error("mine");
  const onQuestion = () => {
    throw mine;
  };
  await assert.rejects(session.runTask("Ask", { onQuestion }), (error) => error === mine);
  await until(() => emulator.openStreams === 0);
});

test("an answer that is no string is refused", async () => {
  emulator.scenario(script({ question: "?" }, { done: "x" }));
  const options = { onQuestion: () => undefined };
  await assert.rejects(session.runTask("Ask", options), /onQuestion's answer.*must be a string/);
});

test("pause, resume and cancel of a task", async () => {
  emulator.scenario(script({ thought: "a" }, { delay: 60 }, { done: "x" }));
  const task = await session.startTask("Work");
  assert.equal((await task.pause()).success, true);
  assert.equal((await task.resume()).success, true);
  assert.equal((await task.sendMessage("hurry")).success, true);
  assert.throws(() => task.sendMessage(5), /`text` must be a string/);
  assert.throws(() => task.answer(), /`text` must be a string, not undefined/);
  assert.equal((await task.cancel()).success, true);
  await assert.rejects(task.result(), (error) => error instanceof TaskError);
});

test("client.runTask creates, runs and deletes", async () => {
  emulator.scenario(script({ done: "fine" }));
  const before = emulator.sessionCount;
  const result = await client.runTask("Do it", { agentName: "agi-0-fast", timeout: 10_000 });
  assert.equal(result.text, "fine");
  assert.equal(emulator.sessionCount, before);
  emulator.scenario(script({ question: "?" }));
  await assert.rejects(client.runTask("Ask"), (error) => {
    assert.ok(error instanceof QuestionPending);
    assert.equal(error.task, null);
    return true;
  });
  assert.equal(emulator.sessionCount, before);
});

test("g02 an answer goes to its own question", async () => {
  // Another program starts another task while somebody thinks about the question.
  const steps = [{ question: "Pay for {task}?" }, { done: "{answer}" }];
  emulator.scenario({ tasks: [{ once: false, steps }] });
  const mine = await client.sessions.create();
  const other = emulator.agi();
  const start = mine.startTask.bind(mine);
  let task;
  mine.startTask = async (...given) => {
    task = await start(...given);
    return task;
  };
  let next;
  const onQuestion = async (question) => {
    next = await other.sessions.attach(mine.sessionId).switchTo("a mug");
    await until(() => task.question?.text === "Pay for a mug?");
    return `yes to ${question.text}`;
  };
  await assert.rejects(mine.runTask("a car", { onQuestion }), { reason: "question_closed" });
  await assert.rejects(next.result(), QuestionPending);
  await next.answer("no");
  assert.equal((await next.result()).text, "no");
  await mine.delete();
  await other.close();
});

test("a timeout of client.runTask says that its session is gone", async () => {
  emulator.scenario(script({ delay: 3600 }));
  for (const options of [{}, { output: z.object({ x: z.number() }) }]) {
    await assert.rejects(client.runTask("Wait", { timeout: 300, ...options }), (error) => {
      assert.ok(error instanceof TaskTimeout);
      assert.match(error.message, /within 300 ms\. It was given up, and its session is deleted/);
      return true;
    });
  }
});

test("g05 client.runTask leaves no session behind when it ends during the create", async () => {
  const before = emulator.sessionCount;
  for (const [options, check] of [
    [
      () => ({ timeout: 50 }),
      (error) => error instanceof TaskTimeout && /created/.test(error.message),
    ],
    [() => ({ signal: AbortSignal.timeout(50) }), (error) => error.name === "TimeoutError"],
  ]) {
    emulator.clearRequests();
    emulator.fail({ on: "create", delay: 0.3 });
    await assert.rejects(client.runTask("x", options()), check);
    await until(() => emulator.requests().some((request) => request.method === "DELETE"));
    await until(() => emulator.sessionCount === before);
  }
});

test("json() finds JSON in a text, parse() types it", async () => {
  const cases = [
    [{ a: 1 }, { a: 1 }],
    ['{"a": 1}', { a: 1 }],
    ['Here it is:\n```json\n{"a": [1, 2]}\n```\nGood luck', { a: [1, 2] }],
    ['I found {this} and {"a": "}"} for you', { a: "}" }],
    ["prices: [1, 2.5]", [1, 2.5]],
    ["42", 42],
  ];
  for (const [done, expected] of cases) {
    emulator.scenario(script({ done }));
    const result = await session.runTask("JSON please");
    assert.deepEqual(result.json(), expected);
    assert.deepEqual(
      result.parse((value) => ({ value })),
      { value: expected },
    );
    assert.deepEqual(result.parse({ parse: (value) => [value] }), [expected]);
  }
  emulator.scenario(script({ done: "nothing { here" }));
  const result = await session.runTask("JSON please");
  assert.throws(
    () => result.json(),
    (error) => error instanceof SessionwireError && error.reason === "no_json",
  );
});

test("the built-in agent asks when it is told to", async () => {
  const result = await session.runTask("Please ask me about 3 apples", {
    onQuestion: () => "three",
  });
  assert.equal(result.data.answer, "three");
});
