// A task that outlives its process: its handle, in the cases of every language.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Emulator } from "sessionwire";
import { all, cases, check, using } from "./helpers.mjs";

const file = new URL("../contract/handles.json", import.meta.url);
const scenario = { tasks: JSON.parse(readFileSync(file, "utf8")).agent };

function changed(handle, { text, replace, cut }) {
  if (text !== undefined) return text.replace("{handle}", handle);
  return replace === undefined ? handle.slice(0, -cut) : handle.replace(...replace);
}

/** One session of a case. */
class Play {
  constructor(emulator) {
    const clients = [emulator.agi(), emulator.agi()];
    Object.assign(this, { emulator, clients, task: undefined, open: [], kept: {} });
  }

  async begin() {
    const [own, other] = this.clients;
    this.session = await own.sessions.create();
    this.other = other.sessions.attach(this.session.sessionId);
  }

  async step(step) {
    const expected = step.error ?? step.expect?.error;
    let failure;
    try {
      await this.carryOut(step);
    } catch (error) {
      if (expected === undefined) throw error;
      failure = error;
    }
    if (expected !== undefined) {
      assert.ok(failure !== undefined, `${JSON.stringify(step)} was not refused`);
      check(failure, expected);
    }
  }

  async carryOut(step) {
    const { session, other, task } = this;
    const steps = {
      start: async () => this.follow(await session.startTask(step.task)),
      run: () => session.runTask(step.task),
      run_elsewhere: () => other.runTask(step.task),
      prepare: async () => {
        const options = { startUrl: step.start_url, ifBusy: step.if_busy };
        this.keep(step.as, await session.prepareTask(step.task, options));
      },
      keep: () => {
        const handle = task.handle();
        assert.ok(handle.length <= 200);
        this.keep(step.as, handle);
      },
      resume: () => this.resume(step),
      leave: () => task.close(),
      read: () => this.read(step.expect),
      rest: async () => {
        const texts = (await all(task)).map((event) => event.text);
        assert.deepEqual(texts.filter(Boolean), step.expect);
      },
      result: async () => assert.equal((await task.result()).text, step.expect),
      question: () => assert.equal(task.question?.text ?? null, step.expect),
      answer: () => task.answer(step.text),
      message: () => other.sendMessage(step.text),
      message_was: () => assert.deepEqual(this.sent().at(-1).json(), step.expect),
      wait: () => other.wait({ pollInterval: 5 }),
      pause: () => other.pause(),
      go_on: () => other.resume(),
      delete: () => other.delete(),
      fault: () => this.emulator.fail(step.fault),
    };
    await steps[step.do]();
  }

  keep(name, handle) {
    assert.match(handle, /^[A-Za-z0-9._-]+$/);
    this.kept[name] = handle;
  }

  async resume(step) {
    let [client] = this.clients;
    if (!step.same) {
      client = this.emulator.agi();
      this.clients.push(client);
    }
    const handle = changed(this.kept[step.handle], step.change ?? { text: "{handle}" });
    this.follow(await client.resume(handle, { fromStart: step.from_start }));
    // What follows is done by the client that has the task now.
    this.session = client.sessions.attach(this.session.sessionId);
  }

  async read(expected) {
    const texts = [];
    for await (const event of this.task) {
      if (event.text) texts.push(event.text);
      if (texts.length === expected.length) break;
    }
    assert.deepEqual(texts, expected);
  }

  follow(task) {
    this.task = task;
    this.open.push(task);
  }

  sent() {
    return this.emulator.requests({ method: "POST", path: "/v1/sessions/*/message" });
  }

  async close() {
    for (const one of [...this.open, ...this.clients]) await one.close();
  }
}

for (const each of cases("handles.json")) {
  test(each.id, async () => {
    await using(await Emulator.start({ stepDelay: 0, scenario }), async (emulator) => {
      const play = new Play(emulator);
      await play.begin();
      for (const step of each.play) await play.step(step);
      assert.equal(play.sent().length, each.sent);
      await play.close();
    });
  });
}
