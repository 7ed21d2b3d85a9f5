// What a Raccoon client can be told of its service: names, frames, how many turns at once.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  APITimeoutError,
  ConfigError,
  InvalidRequestError,
  RateLimitError,
  TaskTimeout,
} from "sessionwire";
import { withEmulator } from "sessionwire/testing";
import { timeUp, using } from "./helpers.mjs";

const SPOKEN = {
  turns: [{ steps: [{ wait_for_message: true }, { text: "{message}" }, { wait_for_stop: true }] }],
};
const SHORT = {
  turns: [
    { match: "wait", steps: [{ wait_for_stop: true }] },
    { steps: [{ text: "x" }, { delay: 0.02 }] },
  ],
};

/** The words of a service that differ from those assumed; the emulator knows both. */
function otherWords(frame) {
  if (frame.type === "message") return { type: "user_message", content: frame.text.toUpperCase() };
  return { type: "stop_task" };
}

/** An emulator, and a client of it with these options. */
function withClient(options, work, emulatorOptions = {}) {
  return withEmulator({ scenario: SPOKEN, ...emulatorOptions }, (emulator) =>
    using(emulator.raccoon(options), (client) => work(client, emulator)),
  );
}

async function firstText(turn) {
  for await (const event of turn) if (event.type === "text") return event.text;
}

test("names of the wire can be set", async () => {
  const wire = {
    prompt: ["task"],
    sdkVersion: "ace_version",
    agentMessageId: ["answer_id"],
    queuePosition: "before",
    sessions: ["rows"],
  };
  await withClient({ wire }, async (client, emulator) => {
    // What the service calls otherwise: the first turn's messages are these.
    const body = { answer_id: "msg_a3", before: 2 };
    emulator.fail({ on: "start_turn", status: 200, body, after: true });
    // The first event ends the queueing: none comes before this is looked at.
    emulator.fail({ on: "socket", status: 503, times: 0 });
    const turn = await client.session().startTurn("go", { sdkVersion: "fast" });
    assert.deepEqual([turn.messageId, turn.queuePosition], ["msg_a3", 2]);
    emulator.clearFaults();
    const [request] = emulator.requests({ method: "POST", path: "/sessions/new" });
    const sent = JSON.parse(request.body);
    assert.deepEqual([sent.task, sent.ace_version, "prompt" in sent], ["go", "fast", false]);
    assert.ok((await turn.stop()).confirmed);
    emulator.fail({ on: "list", status: 200, body: { rows: [{ sessionId: "one" }] } });
    const ids = [];
    for await (const session of client.sessions.list()) ids.push(session.sessionId);
    assert.deepEqual(ids, ["one"]);
    const refused = (error) =>
      error instanceof ConfigError && /an empty name for `fileKey`/.test(error.message);
    assert.throws(() => emulator.raccoon({ wire: { fileKey: "" } }), refused);
  });
});

test("frames can be written in another way", async () => {
  await withClient(
    { encodeFrame: otherWords },
    async (client) => {
      for (const each of [client, client.withOptions({ timeout: 30_000 })]) {
        const turn = await each.session().startTurn("go");
        await turn.sendMessage("more");
        assert.equal(await firstText(turn), "MORE");
        assert.ok((await turn.stop()).confirmed);
        const other = await each.session().startTurn("go");
        const attached = await each.attach(other.sessionId, other.messageId);
        await attached.sendMessage("from elsewhere");
        assert.equal(await firstText(attached), "FROM ELSEWHERE");
      }
    },
    { strictFrames: true },
  );
});

test("a run that takes too long is stopped by the encoder's frame", async (t) => {
  const sent = [];
  const encodeFrame = (frame) => {
    sent.push(frame);
    return { type: "abort" };
  };
  await withClient({ encodeFrame }, async (client) => {
    const session = client.session();
    const run = session.runTurn("go", { ...timeUp(t, 200), stopOnTimeout: true });
    await assert.rejects(run, TaskTimeout);
    assert.deepEqual(sent, [{ type: "stop" }]);
    assert.ok((await session.history()).messages.at(-1).aborted);
  });
});

test("an encoder that gives nothing sends nothing", async () => {
  await withClient({ encodeFrame: () => undefined }, async (client, emulator) => {
    const turn = await client.session().startTurn("go");
    const refused = (pattern) => (error) =>
      error instanceof InvalidRequestError && pattern.test(error.message);
    await assert.rejects(turn.sendMessage("more"), refused(/gave undefined: nothing was sent/));
    await assert.rejects(turn.sendMessage(""), refused(/`text` is empty/));
    const config = (error) =>
      error instanceof ConfigError && /`encodeFrame` is not a function/.test(error.message);
    assert.throws(() => emulator.raccoon({ encodeFrame: "stop" }), config);
  });
});

test("no more turns at once than the service allows", async () => {
  for (const respectMaxConcurrent of [false, true]) {
    await withClient(
      { respectMaxConcurrent, maxRetries: 0 },
      async (client, emulator) => {
        const runs = Array.from({ length: 12 }, (_, n) => client.runTurn(`turn ${n}`));
        const outcomes = await Promise.allSettled(runs);
        const failed = outcomes.filter(({ status }) => status === "rejected");
        assert.ok(failed.every(({ reason }) => reason instanceof RateLimitError));
        assert.equal(client.maxConcurrent, 3);
        assert.equal(failed.length === 0, respectMaxConcurrent);
        const refused = emulator.requests({ path: "/sessions/new", status: 429 });
        assert.equal(refused.length === 0, respectMaxConcurrent);
      },
      { maxTurns: 3, scenario: SHORT },
    );
  }
});

test("a run whose time is up before its turn began does not say that it goes on", async () => {
  await withClient(
    { respectMaxConcurrent: true },
    async (client, emulator) => {
      const first = await client.session().startTurn("wait");
      await assert.rejects(client.runTurn("second", { timeout: 100 }), (error) => {
        assert.ok(error instanceof TaskTimeout, error.stack);
        assert.match(
          error.message,
          /not known to run within 100 ms.*Look at the session's history/,
        );
        assert.ok(error.sessionId);
        return true;
      });
      emulator.assertRequested({ method: "POST", path: "/sessions/new" }, { times: 1 });
      assert.ok((await first.stop()).confirmed);
    },
    { maxTurns: 1, scenario: SHORT },
  );
});

test("a turn without a place is not started", async () => {
  await withClient(
    { respectMaxConcurrent: true, waitForLimit: 50 },
    async (client, emulator) => {
      const first = await client.session().startTurn("wait");
      await assert.rejects(client.session().startTurn("second"), (error) => {
        assert.ok(error instanceof APITimeoutError, error.stack);
        assert.match(error.message, /no place became free within 0\.05 s/);
        assert.equal(error.maybeDelivered, false);
        return true;
      });
      emulator.assertRequested({ method: "POST", path: "/sessions/new" }, { times: 1 });
      assert.ok((await first.stop()).confirmed);
      assert.equal((await client.runTurn("third")).text, "x");
    },
    { maxTurns: 1, scenario: SHORT },
  );
});
