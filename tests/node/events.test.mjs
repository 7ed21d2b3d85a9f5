// The event stream.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { inspect } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Agi, Emulator, EventStream, InvalidRequestError } from "sessionwire";
import { all, flood, script, serveEvents, until } from "./helpers.mjs";

let emulator;
let client;
let session;

before(async () => {
  emulator = await Emulator.start({ stepDelay: 1, heartbeatInterval: 20 });
  client = emulator.agi();
});

beforeEach(async () => {
  emulator.clearFaults();
  emulator.scenario({ tasks: [] });
  session = await client.sessions.create();
  // Those of the test before.
  await until(() => emulator.openStreams === 0);
});

after(async () => {
  await client.close();
  await emulator.close();
});

test("g01 1,000 events, the connection cut after every 7: each id once, in order, then the result", {
  timeout: 120_000,
}, async () => {
  emulator.scenario(
    script({ repeat: 999, steps: [{ thought: "thought {n}" }] }, { done: "the end" }),
  );
  emulator.fail({ on: "events", cut_after: 7, times: 0 });
  const task = await session.startTask("Think a lot");
  const ids = [];
  const texts = [];
  for await (const event of task) {
    ids.push(event.id);
    texts.push(event.text);
  }
  const first = ids[0];
  assert.deepEqual(
    ids,
    Array.from({ length: 1000 }, (_, index) => first + index),
  );
  assert.equal(texts[0], "thought 1");
  assert.equal(texts[998], "thought 999");
  assert.equal((await task.result()).text, "the end");
  // The same from the session's stream, with its history.
  assert.deepEqual(
    (await all(session.events())).map((event) => event.id),
    ids,
  );
});

test("events have type, id, data, text, raw and messageId", async () => {
  emulator.scenario(
    script({ step: "open", url: "http://x.test/", action: "open" }, { done: { n: "grüße 🎈" } }),
  );
  await session.sendMessage("go");
  const events = await all(session.events());
  assert.deepEqual(
    events.map((event) => event.type),
    ["step", "done"],
  );
  const [step, done] = events;
  assert.equal(step.data.url, "http://x.test/");
  assert.equal(step.text, "open");
  assert.equal(step.messageId, step.id);
  for (const event of events) assert.deepEqual(JSON.parse(event.raw), event.data);
  assert.deepEqual(done.data.result, { n: "grüße 🎈" });
  assert.match(inspect(done), /AgiEvent \{\s*type: 'done'/);
  const fields = ["type", "id", "data", "text", "raw", "messageId"];
  for (const event of events) {
    const { type, id, data, text, raw, messageId } = event;
    const plain = { type, id, data, text, raw, messageId };
    // Every route that streams events does one of these.
    const sent = { ...plain, receivedAt: event.receivedAt.toISOString() };
    assert.deepEqual(JSON.parse(JSON.stringify(event)), sent);
    assert.deepEqual(structuredClone(event), plain);
    assert.deepEqual({ ...event }, plain);
    assert.deepEqual(Object.keys(event), fields);
  }
});

test("an event says when it was received", async () => {
  emulator.scenario(script({ thought: "One" }, { thought: "Two" }, { done: "x" }));
  const began = new Date();
  await session.sendMessage("go");
  const events = await all(session.events());
  const times = events.map((event) => event.receivedAt);
  assert.ok(times.every((time, at) => time >= (times[at - 1] ?? began) && time <= new Date()));
  assert.equal(times.length, 3);
  // Read once more it is the same event, received later.
  const again = await all(session.events());
  assert.deepEqual(again, events);
  assert.ok(again[0].receivedAt >= times[2]);
});

test("an event has the service's own time where it says one", async () => {
  const beats = session.events({ eventTypes: ["heartbeat"] });
  const { value } = await beats.next();
  await beats.return();
  assert.equal(value.timestamp.getTime(), Date.parse(value.data.timestamp));
});

test("g09 unknown types, data that is no JSON and odd texts come through unharmed", async () => {
  const frames = [
    ["thought", 1, '{"text":"x"},"done",9,0,1,{"text":"y"}'],
    ["brand_new", 2, '{"message": "m", "deep": [[{"é": "🎈"}]]}'],
    ["thought", 3, '  {"text" :  "spaced \\ud83c\\udf88", "n": 1.50}  '],
    ["log", 4, "just text, ünïcode 🎈"],
    ["log", 5, "[1, 2]"],
    ["log", 6, '"a string"'],
    ["error", 7, '{"error": "bad", "status_code": 500}'],
    ['we"ird],[', 8, '{"text": 5, "error": "second choice"}'],
    ["log", 9, ""],
    ["log", 10, "null"],
    ["log", 11, '{"__proto__": {"x": 1}, "text": "p"}'],
  ].filter(([, , data]) => data !== "");
  const body = frames
    .map(
      ([type, id, data]) =>
        `id: ${id}\nevent: ${type}\ndata:${data.startsWith(" ") ? " " : " "}${data}\n\n`,
    )
    .join("");
  const server = await serveEvents(body);
  const agi = new Agi({ baseUrl: server.url, apiKey: "k" });
  try {
    const stream = agi.sessions.attach("s").events();
    const events = [];
    for await (const event of stream) {
      events.push(event);
      if (events.length === frames.length) break;
    }
    assert.deepEqual(
      events.map((event) => [event.type, event.id, event.raw]),
      frames,
    );
    const by = Object.fromEntries(events.map((event) => [event.id, event]));
    assert.equal(by[1].data, frames[0][2]);
    assert.equal(by[1].text, frames[0][2]);
    assert.equal(by[2].text, "m");
    assert.deepEqual(by[2].data.deep, [[{ é: "🎈" }]]);
    assert.equal(by[3].text, "spaced 🎈");
    assert.equal(by[4].text, "just text, ünïcode 🎈");
    assert.deepEqual(by[5].data, [1, 2]);
    assert.equal(by[5].text, "");
    assert.equal(by[6].text, "a string");
    assert.equal(by[7].text, "bad");
    assert.equal(by[8].text, "second choice");
    assert.equal(by[10].data, null);
    assert.equal(by[10].text, "");
    assert.equal(by[11].text, "p");
    assert.equal({}.x, undefined);
  } finally {
    await agi.close();
    await server.close();
  }
});

test("leaving the loop frees the socket", async () => {
  for await (const event of session.events({ eventTypes: ["heartbeat"] })) {
    assert.equal(event.type, "heartbeat");
    assert.equal(event.id, null);
    assert.equal(emulator.openStreams, 1);
    break;
  }
  await until(() => emulator.openStreams === 0);
});

test("close, return and dispose free the socket and end a waiting next", async () => {
  for (const end of ["close", "return", Symbol.asyncDispose]) {
    const stream = session.events();
    assert.ok(stream instanceof EventStream);
    await until(() => emulator.openStreams === 1);
    const waiting = stream.next();
    await stream[end]();
    assert.deepEqual(await waiting, { value: undefined, done: true });
    assert.deepEqual(await stream.next(), { value: undefined, done: true });
    await until(() => emulator.openStreams === 0);
    await stream[end]();
  }
});

test("a stream that nobody holds any more frees its socket", async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc");
  const controller = new AbortController();
  // The signal outlives the stream and must not hold it.
  (() => session.events({ signal: controller.signal }))();
  await until(() => emulator.openStreams === 1);
  await until(() => {
    gc();
    return emulator.openStreams === 0;
  });
});

test("calls of next that overlap are answered in order", async () => {
  emulator.scenario(script({ repeat: 20, steps: [{ thought: "{n}" }] }, { done: "d" }));
  const stream = session.events();
  const waiting = Array.from({ length: 23 }, () => stream.next());
  await session.sendMessage("go");
  const results = await Promise.all(waiting);
  assert.deepEqual(
    results.map(({ value }) => value?.text),
    [...Array.from({ length: 20 }, (_, n) => `${n + 1}`), "d", undefined, undefined],
  );
});

test("ReadableStream.from works, and cancelling it frees the socket", async () => {
  emulator.scenario(script({ thought: "a" }, { delay: 60 }));
  await session.sendMessage("go");
  const reader = ReadableStream.from(session.events()).getReader();
  assert.equal((await reader.read()).value.text, "a");
  assert.equal(emulator.openStreams, 1);
  await reader.cancel();
  await until(() => emulator.openStreams === 0);
});

test("g06 a signal ends a stream with its reason and leaves the client usable", async () => {
  const controller = new AbortController();
  const stream = session.events({ signal: controller.signal });
  const waiting = stream.next();
  await until(() => emulator.openStreams === 1);
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(waiting, (error) => error === reason);
  assert.equal((await stream.next()).done, true);
  await until(() => emulator.openStreams === 0);
  assert.throws(
    () => session.events({ signal: controller.signal }),
    (error) => error === reason,
  );
  assert.throws(() => session.events({ signal: {} }), InvalidRequestError);
  assert.equal((await client.sessions.list()).length > 0, true);
});

test("types can be chosen, history left out", async () => {
  emulator.scenario(script({ thought: "a" }, { log: "b" }, { done: "c" }));
  await session.runTask("one");
  const chosen = await all(session.events({ eventTypes: ["log", "done"] }));
  assert.deepEqual(
    chosen.map((event) => event.text),
    ["b", "c"],
  );
  const live = session.events({ includeHistory: false });
  const first = live.next();
  await until(() => emulator.openStreams === 1);
  emulator.scenario(script({ thought: "new" }, { done: "c" }));
  await session.sendMessage("two");
  assert.equal((await first).value.text, "new");
  await live.close();
});

test("bad options are refused at once", () => {
  for (const [options, words] of [
    [{ eventTypes: [] }, /eventTypes.*empty/],
    [{ idleTimeout: 0 }, /idleTimeout.*milliseconds/],
    [{ idleTimeout: Number.NaN }, /idleTimeout.*milliseconds/],
    [{ maxReconnects: -1 }, /maxReconnects.*whole number/],
  ]) {
    assert.throws(
      () => session.events(options),
      (error) => error instanceof InvalidRequestError && words.test(error.message),
    );
  }
});

test("closing the client ends its streams with an error", async () => {
  const other = emulator.agi();
  const stream = other.sessions.attach(session.sessionId).events();
  const waiting = stream.next();
  await until(() => emulator.openStreams === 1);
  await other.close();
  await assert.rejects(waiting, /client is closed/);
  await until(() => emulator.openStreams === 0);
});

test("the live view opens without a key", async () => {
  assert.ok(emulator.liveUrl.startsWith(`${emulator.url}/live/`));
  for (const [url, title] of [
    [emulator.liveUrl, "<title>Emulator</title>"],
    [session.vncUrl, "<title>Session</title>"],
  ]) {
    const page = await fetch(url);
    assert.equal(page.status, 200);
    assert.match(await page.text(), new RegExp(title));
  }
});

test("g10 a slow reader holds the server back", async () => {
  const last = 60_000;
  const server = await flood(last);
  const client = new Agi({ baseUrl: server.url, apiKey: "k" });
  const ids = [];
  for await (const event of client.sessions.attach("s").events()) {
    ids.push(event.id);
    if (ids.length === 1) {
      assert.ok((await server.held) < 40 * 1024 * 1024);
      server.goOn();
    }
    if (ids.length === last) break;
  }
  await client.close();
  await server.close();
  assert.deepEqual(
    ids,
    Array.from({ length: last }, (_, at) => at + 1),
  );
});
