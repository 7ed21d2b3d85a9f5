// An agent of one's own: a JavaScript function behind the real wire.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { ConfigError, Emulator, InvalidRequestError, TaskError, TaskOver } from "sessionwire";
import { useEmulator, withEmulator } from "sessionwire/testing";
import { all, node, until, using, withResolvers } from "./helpers.mjs";

/** Starts an emulator with this agent, and runs `work` with it and a client of it. */
function withAgent(agent, work, options = {}) {
  return withEmulator({ agent, ...options }, async (emulator) => {
    return using(emulator.agi(), (client) => work(emulator, client));
  });
}

const asks = async (session) => (await session.executionStatus()) === "waiting_for_input";

test("what it does goes over the wire", async () => {
  const agent = async (task, agent) => {
    await agent.think(`${task.text} for ${task.agentName}`);
    await agent.step("Open", { url: task.startUrl, action: "click" });
    await agent.log(task.extra.goal);
    const colour = await agent.ask("Which colour?");
    return { summary: `A ${colour} mug`, session: task.sessionId };
  };
  await withAgent(agent, async (_, client) => {
    const session = await client.sessions.create({ agentName: "agi-0-fast", goal: "a mug" });
    const task = await session.startTask("Buy", { startUrl: "http://shop.example/" });
    const seen = [];
    for await (const event of task) {
      seen.push([event.type, event.text]);
      if (event.type === "step") {
        assert.equal(event.data.url, "http://shop.example/");
        assert.equal(event.data.action, "click");
      }
      if (event.type === "question") await task.answer("blue");
    }
    assert.deepEqual(seen, [
      ["thought", "Buy for agi-0-fast"],
      ["step", "Open"],
      ["log", "a mug"],
      ["question", "Which colour?"],
      ["done", "A blue mug"],
    ]);
    const { data } = await task.result();
    assert.deepEqual(data, { summary: "A blue mug", session: session.sessionId });
  });
});

test("a scenario comes first, then the function, then the built-in agent", async () => {
  await withAgent(
    () => "by the function",
    async (emulator, client) => {
      emulator.scenario({ tasks: [{ match: "script", steps: [{ done: "scripted" }] }] });
      assert.equal((await client.runTask("for the script")).data, "scripted");
      assert.equal((await client.runTask("for the agent")).data, "by the function");
      emulator.agent(null);
      assert.ok("summary" in (await client.runTask("for nobody")).data);
      emulator.agent((_, agent) => agent.done(["later"]));
      assert.deepEqual((await client.runTask("again")).data, ["later"]);
    },
    { unmatched: "agent" },
  );
});

test("what it throws ends the task and is shown", async () => {
  function boom() {
    throw new RangeError("no such mug");
  }
  for (const agent of [boom, async () => boom()]) {
    await withAgent(agent, async (_, client) => {
      const warned = once(process, "warning");
      await assert.rejects(client.runTask("Go"), (error) => {
        assert.ok(error instanceof TaskError, error.stack);
        assert.match(error.message, /RangeError: no such mug/);
        return true;
      });
      const [warning] = await warned;
      assert.equal(warning.name, "SessionwireWarning");
      assert.match(warning.message, /The agent failed in session .*: RangeError: no such mug/);
      assert.match(warning.detail, /at boom/);
    });
  }
});

test("what is no result or no function is an error", async () => {
  const circle = {};
  circle.circle = circle;
  await withEmulator({}, async (emulator) => {
    await using(emulator.agi(), async (client) => {
      for (const [agent, text] of [
        [() => Symbol("x"), /The result is symbol, which JSON lacks/],
        [() => circle, /circular/],
        [() => Promise.reject("plain text"), /plain text/],
      ]) {
        emulator.agent(agent);
        await assert.rejects(client.runTask("Go"), text);
      }
      const refused = (error) =>
        error instanceof ConfigError && /`agent` is not a function but/.test(error.message);
      assert.throws(() => emulator.agent("agent"), refused);
      await assert.rejects(Emulator.start({ agent: 1 }), refused);
    });
  });
});

test("bad input is refused at the call, and a failure has its status code", async () => {
  let over;
  const agent = async (_, agent) => {
    const refused = (promise, text) =>
      assert.rejects(
        promise,
        (error) => error instanceof InvalidRequestError && text.test(error.message),
      );
    await refused(agent.navigate("shop"), /not an http or https address/);
    await refused(agent.sleep(-1000), /from 0 to 86400/);
    assert.throws(() => agent.think(1), /`text` must be a string/);
    await agent.fail("sold out", { statusCode: 410 });
    await assert.rejects(agent.done(), (error) => error instanceof TaskOver);
    over = agent.over;
    assert.equal(agent.signal.aborted, false);
  };
  await withAgent(agent, async (_, client) => {
    const session = await client.sessions.create();
    const task = await session.startTask("Go");
    const events = [];
    for await (const event of task) events.push(event);
    assert.deepEqual(
      [events[0].type, events[0].data.error, events[0].data.status_code],
      ["error", "sold out", 410],
    );
    await until(() => over === "ended");
  });
});

test("messages, pages and waits", async () => {
  const agent = async (task, agent) => {
    const page = await agent.navigate(task.text);
    assert.deepEqual([page.url, page.problem], [task.text, null]);
    const first = await agent.waitForMessage();
    assert.deepEqual(await agent.messages(), []);
    await agent.sleep(3_600_000);
    return first;
  };
  const check = async (emulator, client) => {
    const session = await client.sessions.create();
    const task = await session.startTask(emulator.liveUrl);
    await session.sendMessage("quick");
    assert.equal((await task.result()).data, "quick");
    const { messages } = await session.messages();
    assert.equal(messages.at(-1).timestamp - messages[0].timestamp, 3_600_000);
  };
  await withAgent(agent, check, { clock: "fast" });
});

test("calls wait while the session is paused, and keep their order", async () => {
  const go = withResolvers();
  const called = withResolvers();
  const agent = async (_, agent) => {
    await agent.think("before");
    await go.promise;
    // Not awaited one by one.
    const thinking = ["1", "2", "3"].map((text) => agent.think(text));
    called.resolve();
    await Promise.all(thinking);
    await agent.pause();
  };
  await withAgent(agent, async (_, client) => {
    const session = await client.sessions.create();
    const task = await session.startTask("Go");
    const thought = async () => {
      const { value: event, done } = await task.next();
      assert.ok(!done, "the task ended");
      return event.type === "thought" ? event.text : thought();
    };
    assert.equal(await thought(), "before");
    await session.pause();
    go.resolve();
    await called.promise;
    const { messages } = await session.messages();
    assert.deepEqual(
      messages.filter(({ type }) => type === "THOUGHT").map(({ text }) => text),
      ["before"],
    );
    await session.resume();
    assert.deepEqual([await thought(), await thought(), await thought()], ["1", "2", "3"]);
    await until(async () => (await session.refresh()).status === "paused");
    await session.resume();
    await all(task);
    await task.result();
  });
});

for (const [way, act] of Object.entries({
  cancelled: (_, session) => session.cancel(),
  deleted: (_, session) => session.delete(),
  closed: (emulator) => emulator.close(),
})) {
  test(`a function learns that its task is over: ${way}`, async () => {
    const learned = [];
    let waited;
    const agent = async (_, agent) => {
      // Nobody awaits this one: it must not end the process.
      agent.waitForMessage();
      waited = once(agent.signal, "abort");
      try {
        return await agent.ask("Shall I?");
      } catch (error) {
        learned.push(error, agent.over);
        throw error;
      }
    };
    await withAgent(agent, async (emulator, client) => {
      const session = await client.sessions.create();
      await session.sendMessage("Go");
      await until(() => asks(session));
      await act(emulator, session);
      await until(() => learned.length > 0);
      const [error, over] = learned;
      assert.ok(error instanceof TaskOver);
      assert.equal(error.reason, way);
      assert.equal(error.code, "ERR_SESSIONWIRE_TASK_OVER");
      assert.equal(over, way);
      const [{ target: signal }] = await waited;
      assert.equal(signal.reason.reason, way);
      if (way === "cancelled") {
        const { messages } = await session.messages();
        assert.equal(messages.at(-1).type, "LOG", "nothing came after the cancel");
        const again = await session.runTask("Again", { onQuestion: () => "yes" });
        assert.equal(again.data, "yes");
      }
    });
  });
}

test("a question that is given up is withdrawn", async () => {
  const given = new AbortController();
  const agent = async (_, agent) => {
    const asked = agent.ask("Shall I?", { signal: given.signal });
    await assert.rejects(asked, /enough/);
    return [await agent.waitForMessage()];
  };
  await withAgent(agent, async (_, client) => {
    const session = await client.sessions.create();
    const task = await session.startTask("Go");
    await until(() => asks(session));
    given.abort(new Error("enough"));
    await until(async () => !(await asks(session)));
    await session.sendMessage("too late");
    assert.deepEqual((await task.result()).data, ["too late"]);
  });
});

test("many sessions at once, and a close in the middle", async () => {
  const agent = async (task, agent) => {
    await agent.think("at work");
    return `${task.text} ${await agent.ask("And?")}`;
  };
  await withAgent(agent, async (_, client) => {
    const runs = Array.from({ length: 50 }, async (_, n) => {
      const session = await client.sessions.create();
      const result = await session.runTask(`task ${n}`, { onQuestion: () => `answer ${n}` });
      assert.equal(result.data, `task ${n} answer ${n}`);
      return session;
    });
    const sessions = await Promise.all(runs);
    await Promise.all(sessions.map((session) => session.sendMessage("Again")));
    for (const session of sessions) await until(() => asks(session));
  });
});

const emulator = useEmulator({ beforeEach: test.beforeEach, afterEach: test.afterEach });

test("the test helpers take an agent", async () => {
  emulator.agent((task) => `${task.text}!`);
  await using(emulator.agi(), async (client) => {
    assert.equal((await client.runTask("Go")).text, "Go!");
  });
});

const WAITING = `
  import { Emulator } from "sessionwire";
  const emulator = await Emulator.start({ agent: (task, agent) => agent.ask("And?") });
  const client = emulator.agi();
  const session = await client.sessions.create();
  await session.sendMessage("Go");
  while ((await session.executionStatus()) !== "waiting_for_input") {}
`;

test("a process ends while an agent waits", async () => {
  for (const end of ["", "process.exit(0);", "await emulator.close();"]) {
    const done = await node(["--input-type=module", "-e", WAITING + end]);
    assert.deepEqual([done.code, done.signal, done.stderr], [0, null, ""], end);
  }
});

test("an emulator that was closed does not keep its agent in memory", async () => {
  const program = `
    import { Emulator } from "sessionwire";
    async function one() {
      const agent = (task, agent) => agent.ask("And?");
      const emulator = await Emulator.start({ agent });
      const client = emulator.agi();
      const session = await client.sessions.create();
      await session.sendMessage("Go");
      while ((await session.executionStatus()) !== "waiting_for_input") {}
      await client.close();
      await emulator.close();
      return new WeakRef(agent);
    }
    const agent = await one();
    for (let n = 0; n < 500 && agent.deref() !== undefined; n++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      gc();
    }
    console.log(agent.deref() === undefined);
  `;
  const done = await node(["--expose-gc", "--input-type=module", "-e", program]);
  assert.deepEqual([done.stdout, done.stderr], ["true\n", ""]);
});

test("a worker is terminated while its agent waits", async () => {
  const worker = new Worker(
    `
    const { parentPort } = require("node:worker_threads");
    const { Emulator } = require("sessionwire");
    (async () => {
      const emulator = await Emulator.start({ agent: (task, agent) => agent.ask("And?") });
      const client = emulator.agi();
      const session = await client.sessions.create();
      await session.sendMessage("Go");
      while ((await session.executionStatus()) !== "waiting_for_input") {}
      parentPort.postMessage(emulator.url);
      setInterval(() => {}, 1000);
    })();
    `,
    { eval: true },
  );
  await once(worker, "message");
  assert.equal(await worker.terminate(), 1);
});
