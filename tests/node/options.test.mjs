// Options that no call knows: refused by name, with the likely one, never ignored.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Agi, ConfigError, Emulator, InvalidRequestError, Raccoon } from "sessionwire";
import { withEmulator } from "sessionwire/testing";
import { camel, cases } from "./helpers.mjs";

const here = { baseUrl: "http://127.0.0.1:9", apiKey: "k" };
let emulator;
let agi;
let session;
let raccoon;
let talk;

before(async () => {
  emulator = await Emulator.start({ stepDelay: 1 });
  agi = emulator.agi();
  raccoon = emulator.raccoon();
  session = await agi.sessions.create();
  talk = raccoon.session();
  emulator.clearRequests();
});

after(async () => {
  await agi.close();
  await raccoon.close();
  await emulator.close();
});

const wrong = { no_such_option: 1 };

/** Every call with an options object, with options that are wrong. */
const CALLS = {
  "new Agi": [ConfigError, (options) => new Agi(options)],
  "new Raccoon": [ConfigError, (options) => new Raccoon(options)],
  "Raccoon wire": [ConfigError, (wire) => new Raccoon({ ...here, wire })],
  "emulator.agi": [ConfigError, (options) => emulator.agi(options)],
  "agi.withOptions": [ConfigError, (options) => agi.withOptions(options)],
  "raccoon.withOptions": [ConfigError, (options) => raccoon.withOptions(options)],
  "Emulator.start": [ConfigError, (options) => Emulator.start(options)],
  withEmulator: [ConfigError, (options) => withEmulator(options, () => {})],
  "agi.runTask": (options) => agi.runTask("x", options),
  "agi.runTasks": (options) => agi.runTasks(["x"], options),
  "agi.models": (options) => agi.models(options),
  "agi.request": (options) => agi.request("GET", "/sessions", options),
  "sessions.create": (options) => agi.sessions.create(options),
  "sessions.list": (options) => agi.sessions.list(options),
  "sessions.get": (options) => agi.sessions.get("s", options),
  "sessions.delete": (options) => agi.sessions.delete("s", options),
  "sessions.deleteAll": (options) => agi.sessions.deleteAll(options),
  "sessions.cleanup": (options) => agi.sessions.cleanup(options),
  "session.refresh": (options) => session.refresh(options),
  "session.sendMessage": (options) => session.sendMessage("x", options),
  "session.executionStatus": (options) => session.executionStatus(options),
  "session.messages": (options) => session.messages(options),
  "session.followMessages": (options) => session.followMessages(options).next(),
  "session.events": (options) => session.events(options),
  "session.startTask": (options) => session.startTask("x", options),
  "session.runTask": (options) => session.runTask("x", options),
  "session.wait": (options) => session.wait(options),
  "session.record": (options) => session.record(options),
  "session.pause": (options) => session.pause(options),
  "session.resume": (options) => session.resume(options),
  "session.cancel": (options) => session.cancel(options),
  "session.stop": (options) => session.stop(options),
  "session.navigate": (options) => session.navigate("http://x.test/", options),
  "session.screenshot": (options) => session.screenshot(options),
  "session.delete": (options) => session.delete(options),
  "raccoon.session": (options) => raccoon.session(undefined, options),
  "raccoon.runTurn": (options) => raccoon.runTurn("x", options),
  "raccoon.attach": (options) => raccoon.attach(talk.sessionId, "m", options),
  "raccoon.request": (options) => raccoon.request("GET", "/sessions", options),
  "raccoon.sessions.list": (options) => raccoon.sessions.list(options).next(),
  "raccoon.sessions.get": (options) => raccoon.sessions.get(talk.sessionId, options),
  "raccoon.sessions.rename": (options) => raccoon.sessions.rename(talk.sessionId, "t", options),
  "raccoon.sessions.delete": (options) => raccoon.sessions.delete(talk.sessionId, options),
  "talk.startTurn": (options) => talk.startTurn("x", options),
  "talk.runTurn": (options) => talk.runTurn("x", options),
  "talk.history": (options) => talk.history(options),
  "talk.rename": (options) => talk.rename("t", options),
  "talk.delete": (options) => talk.delete(options),
  "talk.upload": (options) => talk.upload(new Uint8Array(1), options),
  "media.upload": (options) => raccoon.media.upload(new Uint8Array(1), options),
  "emulator.requests": (options) => emulator.requests(options),
  "emulator.assertRequested": (options) => emulator.assertRequested({}, options),
  "emulator.waitForRequest": (options) => emulator.waitForRequest({}, options),
};

const failure = async (call, ...given) => {
  try {
    await call(...given);
  } catch (error) {
    return error;
  }
  return undefined;
};

for (const [name, entry] of Object.entries(CALLS)) {
  const [type, call] = Array.isArray(entry) ? entry : [InvalidRequestError, entry];
  test(`g08 ${name} refuses options that it does not know`, async () => {
    const error = await failure(call, wrong);
    assert.ok(error instanceof type, String(error));
    assert.match(error.message, /There is no option `no_such_option`\. The options are `/);
    for (const [given, shown] of [
      ["text", "a string"],
      [null, "null"],
      [["x"], "an array"],
      [5, "a number"],
    ]) {
      // A path is what `record` takes, too; the names of a spread text are its places.
      if (given === "text" && /record|upload|agi$/.test(name)) continue;
      if (/emulator\.agi|talk\.upload/.test(name)) continue;
      const refused = await failure(call, given);
      assert.ok(refused instanceof type, `${name}: ${refused?.stack}`);
      assert.ok(refused.message.includes(`must be an object, not ${shown}`), refused.message);
    }
    assert.equal(emulator.requests().length, 0);
  });
}

test("g08 the handles of a task and a turn refuse them, too", async () => {
  const task = await session.startTask("Count the words");
  const turn = await talk.startTurn("Count the words");
  const calls = [
    (options) => task.answer("x", options),
    (options) => task.sendMessage("x", options),
    (options) => task.pause(options),
    (options) => task.resume(options),
    (options) => task.cancel(options),
    (options) => task.status(options),
    (options) => task.result(options),
    (options) => turn.sendMessage("x", options),
    (options) => turn.stop(options),
    (options) => turn.result(options),
  ];
  for (const call of calls) {
    const error = await failure(call, wrong);
    assert.ok(error instanceof InvalidRequestError, String(error));
    assert.match(error.message, /There is no option `no_such_option`/);
  }
  await task.result();
  await turn.result();
  emulator.clearRequests();
});

test("g08 the likely option is named", async () => {
  for (const [given, likely] of [
    ["base_url", "baseUrl"],
    ["baseURL", "baseUrl"],
    ["api_key", "apiKey"],
    ["key", "apiKey"],
    ["timeOut", "timeout"],
    ["max_retries", "maxRetries"],
    ["retries", "maxRetries"],
    ["header", "headers"],
    ["defaultHeaders", "headers"],
  ]) {
    const error = await failure(() => new Agi({ ...here, [given]: "x" }));
    assert.ok(error instanceof ConfigError);
    assert.equal(error.message, `There is no option \`${given}\`. Did you mean \`${likely}\`?`);
  }
  const error = await failure(() => agi.sessions.create("agi-0-fast"));
  assert.match(error.message, /Pass \{ agentName: "agi-0-fast" \}/);
  const agent = await failure(() => agi.sessions.create({ agent: "agi-0" }));
  assert.match(agent.message, /Did you mean `agentName`/);
});

test("an option that is undefined is none, whatever its name", () => {
  new Agi({ ...here, base_url: undefined }).close();
});

test("g08 headers are a plain object, or refused", async () => {
  for (const headers of [new Headers({ a: "b" }), new Map([["a", "b"]]), [["a", "b"]]]) {
    for (const call of [
      () => new Agi({ ...here, headers }),
      () => new Raccoon({ ...here, headers }),
      () => agi.withOptions({ headers }),
    ]) {
      const error = await failure(call);
      assert.ok(error instanceof ConfigError, String(error));
      assert.match(
        error.message,
        /`headers` must be a plain object.*Object\.fromEntries\(headers\)/,
      );
    }
    const error = await failure(() => agi.request("GET", "/sessions", { headers }));
    assert.ok(error instanceof InvalidRequestError, String(error));
  }
  const text = await failure(() => new Agi({ ...here, headers: "a: b" }));
  assert.match(text.message, /`headers` must be a plain object of names and values, not a string/);
  await new Agi({ ...here, headers: Object.assign(Object.create(null), { a: "b" }) }).close();
});

test("a fault may use the names of JavaScript", async () => {
  emulator.fail({ on: "deleteAll", status: 403 });
  assert.deepEqual(emulator.faults(), ["delete_all status=403"]);
  const error = await failure(() => agi.sessions.deleteAll());
  assert.equal(error.statusCode, 403);
  const unknown = await failure(async () => emulator.fail({ on: "deleteAl", hang: true }));
  assert.ok(unknown instanceof InvalidRequestError);
});

/** The warnings of this package that come while `work` is done. */
async function warningsOf(work) {
  const warnings = [];
  const listen = (warning) => {
    if (warning.name === "SessionwireWarning") warnings.push(warning.message);
  };
  process.on("warning", listen);
  await work();
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", listen);
  return warnings;
}

for (const { id, call, event_types: eventTypes, warns } of cases("warnings.json")) {
  test(id, async () => {
    const open = {
      events: () => session.events({ eventTypes }),
      start_task: () => session.startTask("go", { eventTypes, ifBusy: "cancel" }),
    };
    const warnings = await warningsOf(async () => (await open[call]()).close());
    assert.deepEqual(warnings, warns.map(camel));
  });
}

test("a type of events is warned of once in a process", async () => {
  const open = () => session.events({ eventTypes: ["heartbaet"] }).close();
  assert.equal((await warningsOf(open)).length, 1);
  assert.deepEqual(await warningsOf(open), []);
});
