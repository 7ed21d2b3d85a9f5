// The cases of handles, of tasks and of turns.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Emulator } from "sessionwire";
import { all, cases, check, using } from "./helpers.mjs";

function changed(handle, { text, replace, cut }) {
  if (text !== undefined) return text.replace("{handle}", handle);
  return replace === undefined ? handle.slice(0, -cut) : handle.replace(...replace);
}

/** One session of a case, of AGI. */
export class Play {
  static file = "handles.json";

  constructor(emulator) {
    Object.assign(this, { emulator, task: undefined, open: [], kept: {} });
    this.clients = [this.client(), this.client()];
  }

  static scenario(agent) {
    return { tasks: agent };
  }

  client() {
    return this.emulator.agi();
  }

  async begin() {
    const [own, other] = this.clients;
    this.session = await own.sessions.create();
    this.other = this.attach(other);
  }

  attach(client) {
    return client.sessions.attach(this.session.sessionId);
  }

  start(task) {
    return this.session.startTask(task);
  }

  run(session, task) {
    return session.runTask(task);
  }

  prepare({ task, start_url: startUrl, if_busy: ifBusy }) {
    return this.session.prepareTask(task, { startUrl, ifBusy });
  }

  wait() {
    return this.other.wait({ pollInterval: 5 });
  }

  message(text) {
    return this.other.sendMessage(text);
  }

  sent() {
    return this.emulator.requests({ method: "POST", path: "/v1/sessions/*/message" });
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
      start: async () => this.follow(await this.start(step.task)),
      run: () => this.run(session, step.task),
      run_elsewhere: () => this.run(other, step.task),
      prepare: async () => this.keep(step.as, await this.prepare(step)),
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
      message: () => this.message(step.text),
      sent_was: () => this.checkSent(step.expect),
      wait: () => this.wait(),
      pause: () => other.pause(),
      go_on: () => other.resume(),
      cancel: () => other.cancel(),
      delete: () => other.delete(),
      fault: () => this.emulator.fail(step.fault),
    };
    await steps[step.do]();
  }

  checkSent(expected) {
    const body = this.sent().at(-1).json();
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(body[name], value);
  }

  keep(name, handle) {
    assert.match(handle, /^[A-Za-z0-9._-]+$/);
    this.kept[name] = handle;
  }

  async resume(step) {
    let [client] = this.clients;
    if (!step.same) {
      client = this.client();
      this.clients.push(client);
    }
    const handle = changed(this.kept[step.handle], step.change ?? { text: "{handle}" });
    this.follow(await client.resume(handle, { fromStart: step.from_start }));
    // What follows is done by the client that has the task now.
    this.session = this.attach(client);
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

  async close() {
    for (const one of [...this.open, ...this.clients]) await one.close();
  }
}

/** A test for each case of a file. */
export function play(Kind) {
  const file = new URL(`../contract/${Kind.file}`, import.meta.url);
  const scenario = Kind.scenario(JSON.parse(readFileSync(file, "utf8")).agent);
  for (const each of cases(Kind.file)) {
    test(each.id, async () => {
      const options = { stepDelay: 0, scenario, ...each.emulator };
      await using(await Emulator.start(options), async (emulator) => {
        const played = new Kind(emulator);
        await played.begin();
        for (const step of each.play) await played.step(step);
        assert.equal(played.sent().length, each.sent);
        await played.close();
      });
    });
  }
}
