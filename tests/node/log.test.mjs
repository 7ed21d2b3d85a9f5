// The log: what it tells, and that the key is nowhere.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { inspect } from "node:util";
import { Agi, Emulator, setLogger } from "sessionwire";
import { call } from "./calls.mjs";
import { cases, failure, node, programFile, script, until } from "./helpers.mjs";

const key = "sk-very/secret key+0123456789";
const forms = [
  "very/secret",
  "very%2Fsecret",
  "secret key",
  "secret+key",
  "secret%20key",
  "012345",
];

function checkNowhere(text) {
  for (const form of forms) assert.ok(!text.includes(form), `${form} is shown`);
}

function collect() {
  const lines = [];
  setLogger({ debug: (line) => lines.push(line), warn: (line) => lines.push(line) });
  return lines;
}

after(() => setLogger(null));

test("each request, retry and reconnect is logged", async () => {
  const lines = collect();
  const emulator = await Emulator.start({
    stepDelay: 1,
    scenario: script({ thought: "one" }, { thought: "two" }, { done: "ok" }),
  });
  const client = emulator.agi();
  emulator.fail({ on: "list", status: 503, headers: { "Retry-After": "0" } });
  await client.sessions.list();
  emulator.fail({ on: "events", cut_after: 1 });
  await client.runTask("go");
  await client.close();
  await until(() => lines.some((line) => line.includes("reconnecting the event stream")));
  const has = (pattern) =>
    assert.ok(
      lines.some((line) => pattern.test(line)),
      lines.join("\n"),
    );
  has(
    /^sessionwire: request method=GET url=http:\S+\/v1\/sessions status=503 duration=\S+ attempt=1/,
  );
  has(/^sessionwire: retrying request=GET \/v1\/sessions attempt=1 wait=\S+ reason=/);
  has(
    /^sessionwire: request method=GET url=http:\S+\/v1\/sessions status=200 duration=\S+ attempt=2/,
  );
  setLogger(null);
  const before = lines.length;
  const quiet = emulator.agi();
  await quiet.sessions.list();
  await quiet.close();
  await emulator.close();
  assert.equal(lines.length, before);
});

test("g07 the key is nowhere", async () => {
  const lines = collect();
  const seen = [];
  const emulator = await Emulator.start();
  const client = new Agi({ baseUrl: emulator.url, apiKey: key, maxRetries: 0 });
  const session = await client.sessions.create();
  for (const each of cases("errors.json")) {
    const { fault } = each;
    emulator.clearFaults();
    // A server that repeats the key wherever it can.
    const { body = "", headers = {} } = fault;
    const echo = {
      body: typeof body === "object" ? { ...body, echo: key } : `${body} ${key}`,
      headers: { ...headers, "X-Echo": key },
    };
    emulator.fail(fault.status === undefined ? fault : { ...fault, ...echo });
    const error = await failure(() => call(each, client, session));
    seen.push(error.stack, inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error));
    seen.push(inspect(client, { depth: 9, showHidden: true }), inspect(session));
  }
  emulator.clearFaults();
  seen.push(inspect(await failure(() => client.sessions.get(key))));
  await client.close();
  await emulator.close();
  await until(() => lines.length > cases("errors.json").length);
  setLogger(null);
  checkNowhere(seen.join("\n"));
  checkNowhere(lines.join("\n"));
});

test("SESSIONWIRE_LOG=debug writes to stderr, to the last line, and never the key", async () => {
  const emulator = await Emulator.start({ apiKeys: ["another"] });
  const env = { AGI_BASE_URL: emulator.url, AGI_API_KEY: key, SESSIONWIRE_LOG: "debug" };
  const code = `
    import { Agi } from "sessionwire";
    await new Agi().sessions.list();
  `;
  const done = await node([programFile(code)], { env });
  await emulator.close();
  assert.equal(done.code, 1);
  assert.match(done.stderr, /Z sessionwire: request method=GET url=\S+ status=401/);
  assert.match(done.stderr, /AuthenticationError/);
  checkNowhere(done.stderr + done.stdout);
});

test("a logger that throws stops nothing, and is spoken of once", async () => {
  const program = `
    const { Agi, Emulator, setLogger } = require("sessionwire");
    const fail = () => { throw new Error("the disk is full"); };
    setLogger({ debug: fail, warn: fail });
    process.on("warning", (warning) => console.log(warning.name, warning.message));
    (async () => {
      const emulator = await Emulator.start();
      const client = emulator.agi();
      await client.sessions.list();
      await client.sessions.list();
      await client.close();
      await emulator.close();
    })();
  `;
  const { code, stdout, stderr } = await node(["-e", program]);
  assert.equal(code, 0, stderr);
  const said = stdout.split("\n").filter((line) => line.includes("the disk is full"));
  assert.equal(said.length, 1, stdout);
  assert.match(said[0], /^SessionwireWarning The logger of `setLogger` threw/);
});
