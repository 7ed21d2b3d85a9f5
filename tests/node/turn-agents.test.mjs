// An agent of one's own for turns: a JavaScript function behind the real WebSocket.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { ConfigError, Emulator, InvalidRequestError, TaskError, TaskOver } from "sessionwire";
import { withEmulator } from "sessionwire/testing";
import { all, node, until, using } from "./helpers.mjs";

/** Starts an emulator with this agent, and runs `work` with it and a client of it. */
function withAgent(turnAgent, work, options = {}) {
  return withEmulator({ turnAgent, ...options }, async (emulator) => {
    return using(emulator.raccoon(), (client) => work(emulator, client));
  });
}

const file = Buffer.from([0x62, 0x6c, 0x75, 0x65, 0xff]);

test("what it does goes over the wire", async () => {
  let read;
  const agent = async (turn, agent) => {
    await agent.plan(["Read", { content: "Write", status: "active", id: "w" }]);
    await agent.think(`${turn.prompt} in ${turn.mode}`);
    await agent.think("One", { block: "deep", finalize: false });
    await agent.think("One, two", { block: "deep" });
    read = await agent.readFile(turn.files[0].key);
    assert.equal(await agent.readFile("elsewhere"), null);
    await agent.tool("browser", { pages: 3 });
    const block = await agent.startTool("shell");
    await agent.endTool(block, "no such file", { status: "error" });
    await agent.snapshot(["out/a.md"], { deleted: ["old.md"] });
    await agent.event("task.phase", { phase: "late" }, { blockId: "phase:1" });
    await agent.say("Said, ");
    const { basePrompt, sdkVersion, extra } = turn;
    await agent.say(JSON.stringify({ basePrompt, sdkVersion, extra }), { block: "note" });
    return ", returned";
  };
  await withAgent(agent, async (_, client) => {
    const session = client.session();
    const sent = await session.upload(file, { name: "a.bin", contentType: "text/plain" });
    const turn = await session.startTurn("Look", {
      mode: "code",
      files: [sent],
      basePrompt: "be brief",
      sdkVersion: "fast",
      extra: { own_field: 1 },
    });
    const events = await all(turn);
    assert.deepEqual(
      events.map((event) => [event.type, event.blockId]),
      [
        ["message.received", null],
        ["plan.update", "plan:root"],
        ["thought", "thought:1"],
        ["thought", "thought:deep"],
        ["thought", "thought:deep"],
        ["tool.start", "tool:browser:run-1"],
        ["tool.result", "tool:browser:run-1"],
        ["tool.start", "tool:shell:run-2"],
        ["tool.result", "tool:shell:run-2"],
        ["sandbox.snapshot", null],
        ["task.phase", "phase:1"],
        ["text", "text:answer"],
        ["text", "text:note"],
        ["text", "text:answer"],
        ["task.completed", null],
      ],
    );
    assert.equal(events[2].text, "Look in code");
    assert.deepEqual(events[8].data, { status: "error", output: "no such file", finalize: true });
    const note = { basePrompt: "be brief", sdkVersion: "fast", extra: { own_field: 1 } };
    assert.equal(events[12].text, JSON.stringify(note));
    const result = await turn.result();
    assert.match(result.text, /Said, /);
    assert.deepEqual(
      result.plan.map((todo) => todo.id),
      ["1", "w"],
    );
    assert.deepEqual(Object.keys(result.files), ["out/a.md"]);
    const { key } = sent;
    const expected = { key, name: "a.bin", contentType: "text/plain", size: 5, content: file };
    assert.deepEqual(read, expected);
  });
});

test("tasks and turns have agents of their own", async () => {
  const agent = (task) => `task ${task.text}`;
  await withAgent(
    (turn) => `turn ${turn.prompt}`,
    async (emulator, raccoon) => {
      await using(emulator.agi(), async (agi) => {
        assert.equal((await agi.runTask("one")).text, "task one");
        assert.equal((await raccoon.runTurn("one")).text, "turn one");
        emulator.scenario({ turns: [{ match: "script", steps: [{ text: "scripted" }] }] });
        assert.equal((await raccoon.runTurn("the script")).text, "scripted");
        emulator.turnAgent(null);
        assert.equal((await agi.runTask("two")).text, "task two");
        assert.match((await raccoon.runTurn("for nobody")).text, /for nobody/);
        emulator.turnAgent((_, agent) => agent.done({ content: "content only" }));
        assert.equal((await raccoon.runTurn("again")).text, "content only");
      });
    },
    { agent, unmatched: "agent" },
  );
});

test("each way to end a turn", async () => {
  const reasons = [];
  const agent = async ({ prompt }, agent) => {
    if (prompt === "abort") await agent.abort("Nothing to do");
    else if (prompt === "fail") await agent.fail("sold out", { code: "gone" });
    else await agent.event("task.error", { message: "by an event" });
    const ended = (error) => error instanceof TaskOver && error.reason === "ended";
    await assert.rejects(agent.done(), ended);
    reasons.push(agent.over);
    assert.equal(agent.signal.aborted, false);
  };
  await withAgent(agent, async (_, client) => {
    const aborted = await client.runTurn("abort");
    assert.deepEqual([aborted.status, aborted.reason], ["aborted", "Nothing to do"]);
    await assert.rejects(client.runTurn("fail"), (error) => {
      assert.ok(error instanceof TaskError, error.stack);
      assert.deepEqual(error.events.at(-1).data, { message: "sold out", code: "gone" });
      return true;
    });
    await assert.rejects(client.runTurn("event"), /by an event/);
    await until(() => reasons.length === 3);
    assert.deepEqual(reasons, ["ended", "ended", "ended"]);
  });
});

test("what it throws ends the turn and is shown", async () => {
  function boom() {
    throw new RangeError("no such mug");
  }
  for (const agent of [boom, async () => boom()]) {
    await withAgent(agent, async (_, client) => {
      const warned = once(process, "warning");
      await assert.rejects(client.runTurn("Go"), /RangeError: no such mug/);
      const [warning] = await warned;
      assert.match(warning.message, /The agent failed in session .*: RangeError: no such mug/);
      assert.match(warning.detail, /at boom/);
    });
  }
});

test("what is no answer or no function is an error", async () => {
  await withEmulator({}, async (emulator) => {
    await using(emulator.raccoon(), async (client) => {
      for (const [agent, text] of [
        [() => ({ summary: "no text" }), /gave object. Give the text of the answer/],
        [() => null, /gave null. Give the text of the answer/],
        [(_, agent) => agent.tool("x", Symbol("y")), /The output is symbol, which JSON lacks/],
      ]) {
        emulator.turnAgent(agent);
        await assert.rejects(client.runTurn("Go"), text);
      }
      const refused = (error) =>
        error instanceof ConfigError &&
        /`turnAgent` is not a function but .* the turn and the agent/.test(error.message);
      assert.throws(() => emulator.turnAgent("agent"), refused);
      await assert.rejects(Emulator.start({ turnAgent: 1 }), refused);
    });
  });
});

test("bad input is refused at the call", async () => {
  const agent = async (_, agent) => {
    const refused = (promise, text) =>
      assert.rejects(
        promise,
        (error) => error instanceof InvalidRequestError && text.test(error.message),
      );
    await refused(agent.sleep(-1000), /from 0 to 86400/);
    await refused(agent.plan([{ content: "a", status: "late" }]), /todos\[0\]/);
    await refused(agent.plan("Read"), /todos: needs a list/);
    assert.throws(() => agent.say(1), /`text` must be a string/);
    assert.throws(() => agent.abort(), /`reason` must be a string/);
  };
  await withAgent(agent, async (_, client) => {
    assert.equal((await client.runTurn("Go")).status, "completed");
  });
});

test("messages, and waits that take no time on the fast clock", async () => {
  const agent = async (_, agent) => {
    const first = await agent.waitForMessage();
    await agent.think(first);
    assert.deepEqual(await agent.messages(), []);
    await agent.sleep(7_200_000);
    return first;
  };
  await withAgent(
    agent,
    async (_, client) => {
      const turn = await client.session().startTurn("Go");
      await turn.sendMessage("quick");
      const events = await all(turn);
      const at = (type) => Number(events.find((event) => event.type === type).timestamp);
      assert.equal(at("task.completed") - at("thought"), 7_200_000);
      assert.equal((await turn.result()).text, "quick");
    },
    { clock: "fast" },
  );
});

test("a function learns that its turn is over", async () => {
  const ways = {
    stopped: (_, turn) => turn.stop(),
    deleted: (emulator, turn) =>
      using(emulator.raccoon(), (client) => client.sessions.delete(turn.sessionId)),
    closed: (emulator) => emulator.close(),
  };
  for (const [way, take] of Object.entries(ways)) {
    let learned;
    let seen;
    const agent = async (_, agent) => {
      seen = agent;
      await agent.waitForMessage().catch((error) => {
        learned = error;
        throw error;
      });
    };
    await withAgent(agent, async (emulator, client) => {
      const turn = await client.session().startTurn("Go");
      await until(() => seen !== undefined);
      await take(emulator, turn);
      await until(() => learned !== undefined);
      assert.ok(learned instanceof TaskOver, learned.stack);
      assert.deepEqual([learned.reason, seen.over, seen.signal.aborted], [way, way, true]);
      assert.match(learned.message, /Stop working on it/);
    });
  }
});

test("many turns at once", async () => {
  const agent = async (turn, agent) => `${turn.prompt} ${await agent.waitForMessage()}`;
  await withAgent(
    agent,
    async (_, client) => {
      const texts = await Promise.all(
        Array.from({ length: 40 }, async (_, n) => {
          const turn = await client.session().startTurn(`turn ${n}`);
          await turn.sendMessage(`message ${n}`);
          return (await turn.result()).text;
        }),
      );
      assert.deepEqual(
        texts,
        texts.map((_, n) => `turn ${n} message ${n}`),
      );
    },
    { maxTurns: 40 },
  );
});

test("a process ends while an agent waits", async () => {
  const program = `
    import { once } from "node:events";
    import { Emulator } from "sessionwire";
    const begun = new EventTarget();
    const emulator = await Emulator.start({ turnAgent: async (_, agent) => {
      begun.dispatchEvent(new Event("begun"));
      await agent.waitForMessage();
    } });
    const first = once(begun, "begun");
    const client = emulator.raccoon();
    const turn = await client.session().startTurn("Go");
    await first;
    await client.close();
  `;
  const result = await node(["--input-type=module", "-e", program]);
  assert.deepEqual([result.code, result.stdout, result.stderr], [0, "", ""]);
});
