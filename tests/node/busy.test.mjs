// Whose task is it: a session takes one task at a time, in the cases of every language.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ConflictError, Emulator } from "sessionwire";
import { cases, check, failure, until, using, withResolvers } from "./helpers.mjs";

const file = new URL("../contract/busy.json", import.meta.url);
const scenario = { tasks: JSON.parse(readFileSync(file, "utf8")).agent };
const refusal = {
  error: { name: "ConflictError", code: "task_in_progress" },
  task: true,
};

function looks(emulator) {
  return emulator.requests({ method: "GET", path: "/v1/sessions/*/messages" }).length;
}

function options({ if_busy: ifBusy, timeout, cancel_on_timeout: cancelOnTimeout }) {
  return { ifBusy, timeout: timeout && timeout * 1000, cancelOnTimeout };
}

/** Gives the task that the error carries. */
function checkFailure(error, expect) {
  assert.ok(expect.error !== undefined, error.stack);
  check(error, expect.error);
  if (expect.question !== undefined) assert.equal(error.question?.text ?? null, expect.question);
  if (expect.task !== undefined) assert.equal((error.task ?? null) !== null, expect.task);
  return error.task;
}

/** One session of a case; `other` is another client's view of it. */
class Play {
  constructor(emulator, session, other) {
    Object.assign(this, { emulator, session, other, task: undefined, open: [] });
  }

  async step(step) {
    const { session, other } = this;
    const steps = {
      run_task: () => this.call(step),
      start_task: () => this.call(step),
      run_alone: () => this.runAlone(step),
      together: () => this.together(step),
      leave: () => leave(session, step.task),
      interrupt: () => this.interrupt(step.task),
      elsewhere: () => (step.cancel ? other.cancel() : leave(other, step.task)),
      message: () => session.sendMessage(step.text),
      messages: () => session.messages(),
      wait: () => session.wait({ pollInterval: 5 }),
      cancel: () => session.cancel(),
      pause: () => session.pause(),
      fault: () => this.emulator.fail(step.fault),
      answer: () => this.task.answer(step.text),
      steer: () => this.task.sendMessage(step.text),
      result: async () => assert.equal((await this.task.result()).text, step.expect),
    };
    await steps[step.do]();
  }

  async call(step) {
    const before = looks(this.emulator);
    const calling = this.outcome(step).then(
      (text) => ({ text }),
      (error) => ({ error }),
    );
    if (step.meanwhile !== undefined) {
      await until(() => looks(this.emulator) > before, "it looked, and waits");
      await this.other.sendMessage(step.meanwhile);
    }
    const { text, error } = await calling;
    if (error !== undefined) this.task = checkFailure(error, step.expect);
    else assert.equal(text, step.expect.result);
  }

  async runAlone(step) {
    const error = await using(this.emulator.agi(), (client) =>
      failure(() => client.runTask(step.task)),
    );
    checkFailure(error, step.expect);
  }

  async outcome(step) {
    if (step.do === "run_task") return (await this.session.runTask(step.task, options(step))).text;
    const task = await this.session.startTask(step.task, options(step));
    this.open.push(task);
    return step.expect.started ? undefined : (await task.result()).text;
  }

  async interrupt(task) {
    const controller = new AbortController();
    const { signal } = controller;
    const onEvent = () => controller.abort(new Error("enough"));
    const error = await failure(() => this.session.runTask(task, { signal, onEvent }));
    assert.equal(error.message, "enough");
  }

  async together(step) {
    let refused = 0;
    const calls = step.tasks.map(async (task) => {
      try {
        const { text } = await this.session.runTask(task, options(step));
        assert.ok(text.startsWith(task), text);
      } catch (error) {
        checkFailure(error, refusal);
        refused += 1;
        if (refused === step.refused) await this.other.sendMessage(step.then);
      }
    });
    await Promise.all(calls);
    assert.equal(refused, step.refused);
  }

  async close() {
    for (const task of this.open) await task.close();
  }
}

async function leave(session, text) {
  await using(await session.startTask(text), (task) => task.next());
}

/** Runs `work` with an emulator and two clients on it. */
async function setUp(work) {
  const emulator = await Emulator.start({ stepDelay: 0, scenario });
  await using(emulator, () =>
    using(emulator.agi(), (first) =>
      using(emulator.agi(), (second) => work(emulator, first, second)),
    ),
  );
}

for (const each of cases("busy.json")) {
  test(each.id, () =>
    setUp(async (emulator, first, second) => {
      const created = await first.sessions.create();
      const attached = second.sessions.attach(created.sessionId);
      const pair = each.attached ? [attached, created] : [created, attached];
      const play = new Play(emulator, ...pair);
      for (const step of each.play) await play.step(step);
      const sent = emulator.requests({ method: "POST", path: "/v1/sessions/*/message" });
      assert.equal(sent.length, each.sent);
      if (each.reads !== undefined) assert.equal(looks(emulator), each.reads);
      await play.close();
    }),
  );
}

async function refused(client) {
  const session = await client.sessions.create();
  await leave(session, "works");
  return failure(() => session.runTask("quick"));
}

test("g02 the task of the error can be read and cancelled", () =>
  setUp(async (emulator, client) => {
    const error = await refused(client);
    assert.ok(error instanceof ConflictError);
    assert.equal(error.statusCode, 0);
    // A logged error shows no client.
    assert.ok(!Object.keys(error).includes("task"));
    const streams = () =>
      emulator.requests({ method: "GET", path: "/v1/sessions/*/events" }).length;
    const before = streams();
    const { value } = await error.task.next();
    assert.equal(value.text, "at work");
    assert.equal(streams(), before + 1);
    await error.task.cancel();
    const session = client.sessions.attach(error.sessionId);
    assert.equal((await session.runTask("quick")).text, "quick");
  }));

test("g02 the run that is cancelled for another ends", () =>
  setUp(async (_, client) => {
    const session = await client.sessions.create();
    const atWork = withResolvers();
    const first = failure(() => session.runTask("works", { onEvent: atWork.resolve }));
    await atWork.promise;
    assert.equal((await session.runTask("quick", { ifBusy: "cancel" })).text, "quick");
    check(await first, { name: "TaskError", reason: "cancelled" });
  }));
