// The language-neutral cases of tests/contract/, for Node, by the same ids.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { Agi, Emulator, StreamError } from "sessionwire";
import { call } from "./calls.mjs";
import { camel, camelKeys, cases, check, failure, rawStream } from "./helpers.mjs";

delete process.env.AGI_API_KEY;
delete process.env.AGI_BASE_URL;

for (const each of cases("errors.json")) {
  const { fault, expect } = each;
  test(each.id, async () => {
    const emulator = await Emulator.start();
    const client = emulator.agi({ maxRetries: 0 });
    try {
      const session = await client.sessions.create();
      emulator.fail(fault);
      check(await failure(() => call(each, client, session)), expect);
    } finally {
      await client.close();
      await emulator.close();
    }
  });
}

for (const each of cases("bad_input.json")) {
  const { options, expect } = each;
  test(each.id, async () => {
    const emulator = await Emulator.start();
    const client = emulator.agi();
    try {
      const session = await client.sessions.create();
      emulator.clearRequests();
      const error = await failure(() =>
        each.call === "client"
          ? new Agi({ baseUrl: emulator.url, apiKey: "some-key", ...camelKeys(options) })
          : call(each, client, session),
      );
      check(error, expect);
      assert.deepEqual(emulator.requests(), []);
    } finally {
      await client.close();
      await emulator.close();
    }
  });
}

/** Durations of a case are seconds; here they are milliseconds. */
function milliseconds(options = {}, ...names) {
  const converted = camelKeys(options);
  for (const name of names) {
    if (converted[name] !== undefined) converted[name] *= 1000;
  }
  return converted;
}

for (const {
  id,
  scope,
  steps,
  faults = [],
  emulator: setup,
  client: own,
  events: options,
  expect,
} of [...cases("streams.json"), ...cases("rude_faults.json", "streams")]) {
  test(id, async () => {
    const emulator = await Emulator.start({
      stepDelay: 1,
      scenario: { tasks: [{ steps }] },
      ...milliseconds(setup, "heartbeatInterval"),
    });
    const client = emulator.agi(milliseconds(own, "timeout"));
    try {
      const session = await client.sessions.create();
      for (const fault of faults) emulator.fail(fault);
      const waits = milliseconds(options, "idleTimeout");
      const events = [];
      let outcome;
      try {
        if (scope === "session") {
          await session.sendMessage("go");
          for await (const event of session.events(waits)) events.push(event);
        } else {
          const task = await session.startTask("go", waits);
          for await (const event of task) events.push(event);
          outcome = await task.result();
        }
      } catch (error) {
        outcome = error;
      }
      if (expect.ids !== undefined) {
        const [first, last] = expect.ids;
        const wanted = Array.from({ length: last - first + 1 }, (_, at) => first + at);
        assert.deepEqual(
          events.map((event) => event.id),
          wanted,
        );
      }
      if (expect.types !== undefined) {
        assert.deepEqual(
          events.map((event) => event.type),
          expect.types,
        );
      }
      if (expect.error !== undefined) check(outcome, expect.error);
      else assert.equal(outcome?.text, expect.result, String(outcome));
    } finally {
      await client.close();
      await emulator.close();
    }
  });
}

// An agent that is busy for as long as a case may take.
const busy = { tasks: [{ steps: [{ delay: 3600 }], once: false }] };

for (const each of [...cases("requests.json"), ...cases("rude_faults.json", "calls")]) {
  const { before = [], client: options, faults, expect } = each;
  test(each.id, async () => {
    const emulator = await Emulator.start({ scenario: busy });
    // The client of a case may have little patience.
    const patient = emulator.agi();
    const { sessionId } = await patient.sessions.create();
    const client = patient.withOptions(milliseconds(options, "timeout"));
    try {
      const session = client.sessions.attach(sessionId);
      emulator.clearRequests();
      for (const earlier of before) await call(earlier, client, session);
      for (const fault of faults) emulator.fail(fault);
      if (expect.error === undefined) await call(each, client, session);
      else check(await failure(() => call(each, client, session)), expect.error);
      const requests = emulator.requests().map(({ method, path }) => `${method} ${path}`);
      for (const [sent, count] of Object.entries(expect.sent)) {
        const wanted = sent.replace("{session}", session.sessionId);
        assert.equal(requests.filter((request) => request === wanted).length, count, `${requests}`);
      }
    } finally {
      await client.close();
      await emulator.close();
    }
  });
}

// What is not ours to rename or to cut down.
const asItCame = new Set(["content", "data", "extra"]);

/** The value, reduced to the fields that a case names. */
function shape(value, expect, name) {
  if (asItCame.has(name)) return value;
  if (Array.isArray(expect)) {
    assert.equal(value.length, expect.length);
    return expect.map((wanted, at) => shape(value[at], wanted));
  }
  if (typeof expect !== "object" || expect === null) return value;
  return Object.fromEntries(
    Object.entries(expect).map(([name, wanted]) => [name, shape(value[camel(name)], wanted, name)]),
  );
}

for (const each of cases("answers.json")) {
  const { on, body, expect } = each;
  test(each.id, async () => {
    const emulator = await Emulator.start();
    const client = emulator.agi();
    try {
      const session = await client.sessions.create();
      emulator.fail({ on, status: 200, body });
      const answer = await call(each, client, session);
      assert.deepEqual(shape(answer, expect), expect);
    } finally {
      await client.close();
      await emulator.close();
    }
  });
}

for (const { id, stream: body, expect } of cases("events.json")) {
  test(id, async () => {
    const server = await rawStream(Buffer.from(body));
    const client = new Agi({ baseUrl: server.url, apiKey: "some-key" });
    try {
      for await (const event of client.sessions.attach("s").events()) {
        assert.deepEqual(shape(event, expect), expect);
        return;
      }
      assert.fail("no event came");
    } finally {
      await client.close();
      await server.close();
    }
  });
}

const sse = readdirSync(new URL("../contract/sse/", import.meta.url))
  .filter((file) => file.endsWith(".json"))
  .flatMap((file) => cases(`sse/${file}`))
  .filter(({ only }) => only === undefined);

/** A frame as a session's event: an id that is no number is none. */
function event({ event, data, id }) {
  return { type: event, raw: data, id: /^[0-9]+$/.test(id ?? "") ? Number(id) : null };
}

/** The events of a session whose stream has these bytes, until it is gone. */
async function eventsOf({ input, input_base64 }) {
  const server = await rawStream(Buffer.from(input ?? Buffer.from(input_base64, "base64")));
  const client = new Agi({ baseUrl: server.url, apiKey: "some-key" });
  const events = [];
  try {
    await assert.rejects(async () => {
      for await (const { type, raw, id } of client.sessions.attach("s").events()) {
        events.push({ type, raw, id });
      }
    }, StreamError);
  } finally {
    await client.close();
    await server.close();
  }
  return events;
}

// Each waits a little for its session to be gone: all of them at once, from the first one on.
let played;
for (const [at, { id, frames }] of sse.entries()) {
  test(`sse/${id}`, async () => {
    played ??= Promise.allSettled(sse.map(eventsOf));
    const { value: events, reason } = (await played)[at];
    if (reason !== undefined) throw reason;
    const wanted = frames.map(event).filter(({ type }) => type !== "heartbeat");
    assert.deepEqual(events, wanted);
  });
}
