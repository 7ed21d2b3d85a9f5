// The cases of tests/contract/turns.json and turn_input.json, for Node.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Emulator, Raccoon, SessionwireError } from "sessionwire";
import { all, camelKeys, cases, check, failure, using } from "./helpers.mjs";

const USUAL = [
  { wait_for_socket: true },
  { repeat: 40, steps: [{ text: "{n} " }] },
  { complete: true },
];

/** The options of startTurn: the cases give seconds, Node takes milliseconds. */
function eventOptions({ ping_interval, idle_timeout, ...others }) {
  return {
    ...camelKeys(others),
    ...(ping_interval !== undefined && { pingInterval: ping_interval * 1000 }),
    ...(idle_timeout !== undefined && { idleTimeout: idle_timeout * 1000 }),
  };
}

const openEnvelope = (value) =>
  typeof value?.envelope === "string" ? JSON.parse(value.envelope) : value;

const fails = (why) => {
  throw new Error(why);
};

// The functions that cases name.
const DECODE_FRAME = {
  open_envelope: (frame) => (typeof frame === "string" ? null : openEnvelope(frame)),
  leave_out_thoughts: (frame) => (frame.kind === "thought" ? undefined : frame),
  leave_out_ends: (frame) => (frame.kind === "task.completed" ? null : frame),
  fail_at_text: (frame) => (frame.kind === "text" ? fails("no such frame") : frame),
  give_a_number: (frame) => (frame.kind === "text" ? 7 : frame),
};
const DECODE_ANSWER = {
  open_envelope: (_operation, _status, body) => openEnvelope(body),
  fail: () => fails("no such response"),
  give_nothing: () => undefined,
};

/** Starts a turn, reads all its events into `events`, and gives its result. */
async function turn(session, options, events) {
  return using(await session.startTurn("go", options), async (turn) => {
    try {
      for await (const event of turn) events.push(event);
    } catch (error) {
      // An error of the stream is the result's too.
      if (!(error instanceof SessionwireError)) throw error;
    }
    return turn.result();
  });
}

for (const { id, steps = USUAL, faults = [], expect, ...options } of [
  ...cases("turns.json"),
  ...cases("rude_faults.json", "turns"),
  ...cases("variants.json", "turns"),
  ...cases("turn_hooks.json", "turns"),
]) {
  test(id, async () => {
    const scenario = { turns: [{ steps }] };
    const emulator = await Emulator.start({
      stepDelay: 0,
      scenario,
      ...camelKeys(options.emulator ?? {}),
    });
    await using(emulator, async () => {
      for (const fault of faults) emulator.fail(fault);
      const events = [];
      const client = camelKeys(options.client ?? {});
      if (client.wire !== undefined) client.wire = camelKeys(client.wire);
      if (client.decodeFrame) client.decodeFrame = DECODE_FRAME[client.decodeFrame];
      if (client.decodeAnswer) client.decodeAnswer = DECODE_ANSWER[client.decodeAnswer];
      const { result, lastTurn } = await using(emulator.raccoon(client), async (client) => {
        const session = client.session();
        const result = await turn(session, eventOptions(options.events ?? {}), events).catch(
          (error) => {
            if (expect.error === undefined) throw error;
            check(error, expect.error);
            return null;
          },
        );
        return { result, lastTurn: expect.last_turn && (await session.lastTurn()) };
      });
      if (expect.error !== undefined) assert.equal(result, null, "nothing was thrown");
      if (expect.ids !== undefined) {
        const [first, last] = expect.ids;
        assert.deepEqual(
          events.map((event) => event.id).filter((id) => id !== null),
          Array.from({ length: last - first + 1 }, (_, at) => first + at),
        );
      }
      if (expect.kinds !== undefined) {
        assert.deepEqual(
          events.map((event) => event.type),
          expect.kinds,
        );
      }
      for (const name of ["status", "text", "reason"]) {
        if (expect[name] !== undefined) assert.equal(result[name], expect[name], name);
      }
      if (expect.certain !== undefined) assert.equal(result.textIsCertain, expect.certain);
      if (expect.extra !== undefined) assert.deepEqual(result.extra, expect.extra);
      if (expect.json?.error !== undefined) {
        check(await failure(async () => result.json()), expect.json.error);
      } else if (expect.json !== undefined) {
        assert.deepEqual(result.json(), expect.json);
        assert.deepEqual(
          result.parse(({ price }) => price),
          expect.json.price,
        );
      }
      if (expect.last_turn !== undefined) {
        const { status, text, plan, sandboxFiles } = lastTurn;
        const told = { status, text };
        told.plan = plan.map(({ content }) => content);
        told.sandbox_files = Object.keys(sandboxFiles);
        assert.deepEqual(told, { ...told, ...expect.last_turn });
      }
      if (expect.requests !== undefined) {
        const made = emulator.requests({ method: "POST", path: "/sessions/new" });
        assert.equal(made.length, expect.requests);
      }
      if (expect.sockets !== undefined) {
        const made = emulator.requests().filter(({ path }) => path.startsWith("/ws/sessions/"));
        assert.ok(made.length >= expect.sockets, `${made.length} sockets`);
      }
    });
  });
}

for (const { id, dialect } of cases("variants.json", "lists")) {
  test(id, async () => {
    const scenario = { turns: [{ steps: [{ complete: true }] }] };
    await using(await Emulator.start({ stepDelay: 0, scenario, dialect }), (emulator) =>
      using(emulator.raccoon(), async (client) => {
        const made = [];
        for (let at = 0; at < 25; at += 1) made.push((await client.runTurn("go")).sessionId);
        const listed = (await all(client.sessions.list())).map(({ sessionId }) => sessionId);
        assert.deepEqual(listed.toSorted(), made.toSorted());
      }),
    );
  });
}

/** Makes the call of a case of bad input. */
function badCall(name, args, client) {
  const { session_id: id, message_id: messageId, prompt, title, ...others } = args;
  const options = eventOptions(others);
  const calls = {
    session: () => client.session(id),
    get: () => client.sessions.get(id),
    delete: () => client.sessions.delete(id),
    rename: () => client.sessions.rename(id, camelKeys({ title }).title),
    start_turn: () => client.session().startTurn(prompt, options),
    attach: () => client.attach(id, messageId),
    list: () => all(client.sessions.list(options)),
    upload: () => client.media.upload(Buffer.from("x"), { sessionId: id, ...options }),
  };
  return calls[name]();
}

for (const { id, call, args, expect } of cases("turn_input.json")) {
  test(id, async () =>
    using(await Emulator.start(), (emulator) =>
      using(emulator.raccoon(), async (client) => {
        const options = { baseUrl: emulator.raccoonUrl, apiKey: "some-key", ...camelKeys(args) };
        const error = await failure(() =>
          call === "client" ? new Raccoon(options) : badCall(call, args, client),
        );
        check(error, expect);
        assert.deepEqual(emulator.requests(), []);
      }),
    ),
  );
}
