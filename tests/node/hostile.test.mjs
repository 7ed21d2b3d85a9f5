// Responses and streams that are made to harm.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { Agi, Emulator, Raccoon } from "sessionwire";
import { camelKeys, cases, check, failure, root, using } from "./helpers.mjs";

const program = join(
  process.env.CARGO_TARGET_DIR ?? join(root, "target"),
  "debug/sessionwire-hostile",
);
const { streams } = JSON.parse(readFileSync(join(root, "tests/contract/hostile.json"), "utf8"));

let service;
let address;

before(async () => {
  if (!existsSync(program)) {
    throw new Error(`${program} is missing. Build it with \`make chaos-dev\`, then try again.`);
  }
  service = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
  [address] = await once(createInterface({ input: service.stdout }), "line");
});

after(async () => {
  service.stdin.end();
  await once(service, "close");
});

/** The options of a client whose service gives the case's response; durations are milliseconds here. */
function options({ response, client = {} }) {
  const given = camelKeys(client);
  if (given.timeout !== undefined) given.timeout *= 1000;
  return { baseUrl: `${address}/${response}`, apiKey: "some-key", maxRetries: 0, ...given };
}

async function first(iterable) {
  for await (const item of iterable) return item;
}

const agiCalls = {
  list: (client) => client.sessions.list(),
  create: (client) => client.sessions.create(),
  message: (_, session) => session.sendMessage("hello"),
  messages: (_, session) => session.messages(),
  screenshot: (_, session) => session.screenshot(),
  request: (client) => client.request("GET", "/sessions"),
  events: (_, session) => first(session.events()),
};

const turnCalls = {
  raccoon_list: (client) => first(client.sessions.list()),
  raccoon_get: (client, session) => client.sessions.get(session.sessionId),
  raccoon_upload: (_, session) => session.upload(Buffer.from("x"), { key: "x" }),
  raccoon_turn: (_, session) => session.startTurn("go"),
};

for (const given of cases("hostile.json")) {
  test(given.id, { timeout: 60_000 }, () => {
    const call = turnCalls[given.call];
    if (call !== undefined) {
      return using(new Raccoon(options(given)), async (client) => {
        check(await failure(() => call(client, client.session())), given.error);
      });
    }
    return using(new Agi(options(given)), async (client) => {
      const session = client.sessions.attach("s");
      check(await failure(() => agiCalls[given.call](client, session)), given.error);
    });
  });
}

for (const given of streams) {
  test(`${given.id}`, { timeout: 120_000 }, async () => {
    const expected = Array.from({ length: given.small_gaps }, (_, at) => 2 * (at + 1));
    expected.push(2 ** 62);
    const read = () =>
      using(new Agi(options(given)), async (client) => {
        const ids = [];
        for await (const event of client.sessions.attach("s").events()) {
          ids.push(event.id);
          if (ids.length === expected.length) break;
        }
        return ids;
      });
    await using(await Emulator.start(), (emulator) =>
      using(emulator.agi({ timeout: 10_000 }), async (other) => {
        const reading = read();
        for (let round = 0; round < 20; round += 1) await other.sessions.list();
        assert.deepEqual(
          (await reading).sort((one, two) => one - two),
          expected,
        );
      }),
    );
  });
}
