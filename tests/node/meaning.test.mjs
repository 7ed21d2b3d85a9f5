// What values mean: the cases that every language runs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Agi, Emulator, webhooks } from "sessionwire";
import { all, camel, cases, check, failure, rawStream, using, value } from "./helpers.mjs";

/** The fields that a case names; times as milliseconds since 1970. */
function named(found, expect) {
  return Object.fromEntries(
    Object.keys(expect).map((name) => [name, plainTime(found[camel(name)])]),
  );
}

function plainTime(value) {
  return value instanceof Date ? value.getTime() : value;
}

for (const { id, event: type, data, expect } of cases("event_text.json")) {
  test(id, async () => {
    const server = await rawStream(Buffer.from(`event: ${type}\ndata: ${data}\n\n`));
    const client = new Agi({ baseUrl: server.url, apiKey: "some-key" });
    try {
      for await (const event of client.sessions.attach("s").events()) {
        assert.equal(event.raw, data);
        assert.deepEqual(named(event, expect), expect);
        return;
      }
      assert.fail("no event came");
    } finally {
      await client.close();
      await server.close();
    }
  });
}

const steps = [{ wait_for_socket: true }, { text: "x" }, { complete: true }];

for (const { id, frame, payload, expect } of cases("turn_events.json")) {
  test(id, async () => {
    const insert = frame ?? `{"kind": "task.error", "payload": ${payload}}`;
    const emulator = await Emulator.start({ stepDelay: 0, scenario: { turns: [{ steps }] } });
    await using(emulator, () =>
      using(emulator.raccoon(), async (client) => {
        emulator.fail({ on: "socket", insert });
        const events = await using(await client.session().startTurn("go"), all);
        const [event] = events.filter(({ raw }) => raw === insert);
        assert.deepEqual(named(event, expect), expect);
      }),
    );
  });
}

for (const { id, data, expect, error } of cases("result_json.json")) {
  test(id, async () => {
    const scenario = { tasks: [{ steps: [{ done: value(data) }] }] };
    const emulator = await Emulator.start({ stepDelay: 0, scenario });
    await using(emulator, () =>
      using(emulator.agi(), async (client) => {
        const result = await client.runTask("go");
        if (error === undefined) assert.deepEqual(result.json(), expect);
        else check(await failure(() => result.json()), error);
      }),
    );
  });
}

for (const { id, text, microseconds } of cases("times.json")) {
  test(id, async () => {
    const emulator = await Emulator.start();
    await using(emulator, () =>
      using(emulator.agi(), async (client) => {
        emulator.fail({ on: "get", status: 200, body: { session_id: "s", created_at: text } });
        const { createdAt } = await client.sessions.get("s");
        // A Date holds whole milliseconds.
        const wanted = microseconds === null ? null : Math.floor(microseconds / 1000);
        assert.equal(createdAt === null ? null : createdAt.getTime(), wanted);
      }),
    );
  });
}

/** What a call gave, as the cases describe it. */
function plain(found, expect) {
  if (Array.isArray(expect)) {
    const items = found.messages ?? found;
    assert.equal(items.length, expect.length);
    return expect.map((wanted, at) =>
      typeof wanted === "object" ? named(items[at], wanted) : items[at],
    );
  }
  return typeof expect === "object" ? named(found, expect) : found;
}

function history({ session, messages }, expect) {
  return {
    session: named(session, expect.session),
    messages: messages.map((message, at) => ({
      ...named(message, expect.messages[at]),
      events: message.events.map(({ type, id, data }) => ({ type, id, data })),
    })),
  };
}

const tasks = [{ steps: [{ thought: "a" }, { done: "from the emulator" }] }];
const sessionId = "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415";

async function ofTurns(emulator, { turns: on, body, expect }) {
  return using(emulator.raccoon(), async (client) => {
    emulator.fail({ on, status: 200, body });
    if (on === "list") return plain(await all(client.sessions.list()), expect);
    return history(await client.sessions.get(sessionId), expect);
  });
}

async function ofTasks(emulator, given) {
  return using(emulator.agi(), async (client) => {
    const { on, status = 200, body, messages, done, expect } = given;
    const session = await client.sessions.create();
    if (messages === undefined) emulator.fail({ on, status, body });
    else emulator.fail({ on: "messages", status: 200, body: messages, times: 100 });
    if (done !== undefined) {
      emulator.fail({ on: "events", insert: `event: done\nid: 2\ndata: ${done}\n\n` });
    }
    if (given.task) return named(await session.runTask("go"), expect ?? {});
    if (given.follow) {
      return (await all(session.followMessages({ pollInterval: 10 }))).map(({ type }) => type);
    }
    const calls = {
      get: () => client.sessions.get(session.sessionId),
      list: () => client.sessions.list(),
      create: () => client.sessions.create(),
      messages: () => session.messages(),
      status: () => session.executionStatus(),
      delete_session: () => session.delete(),
    };
    return plain(await calls[given.call](), expect);
  });
}

function ofWebhook(body) {
  const { result, extra } = webhooks.parse(body);
  return { message: result.message, result_extra: result.extra, extra };
}

for (const given of cases("rude_json.json")) {
  test(given.id, async () => {
    if (given.webhook !== undefined) {
      assert.deepEqual(ofWebhook(given.webhook), given.expect);
      return;
    }
    const emulator = await Emulator.start({ stepDelay: 0, scenario: { tasks } });
    await using(emulator, async () => {
      const run = () => (given.turns ? ofTurns(emulator, given) : ofTasks(emulator, given));
      if (given.error === undefined) {
        assert.deepEqual(await run(), given.expect);
        return;
      }
      const error = await failure(run);
      check(error, given.error);
      // What cannot be read is at hand.
      if (given.done !== undefined) assert.equal(error.events.at(-1).raw, given.done);
    });
  });
}
