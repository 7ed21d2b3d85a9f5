// A service that says the key back: tests/contract/echoes.json, for Node.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, test } from "node:test";
import { inspect } from "node:util";
import { Agi, Emulator, Raccoon, setLogger } from "sessionwire";
import { cases, failure, using } from "./helpers.mjs";

const apiKey = cases("echoes.json", "key");
const forms = Object.values(cases("echoes.json", "forms"));

after(() => setLogger(null));

/** The case with this in the place of `{echo}`. */
function echoing(wanted, form) {
  const quoted = JSON.stringify(form).slice(1, -1);
  return JSON.parse(JSON.stringify(wanted).replaceAll("{echo}", () => quoted));
}

async function attempt(echo) {
  const options = { apiKey, maxRetries: 0 };
  if (echo.call === "proxied") return proxied(echo.answer, options);
  const { call, tasks = [], turns = [], faults = [] } = echo;
  const emulator = await Emulator.start({ stepDelay: 0, scenario: { tasks, turns } });
  return using(emulator, () => {
    for (const fault of faults) emulator.fail(fault);
    if (call === "turn") {
      const client = new Raccoon({ ...options, baseUrl: emulator.raccoonUrl });
      return using(client, () => client.runTurn("go", { timeout: 10_000, maxReconnects: 0 }));
    }
    const client = new Agi({ ...options, baseUrl: emulator.url });
    return using(client, () => (call === "task" ? client.runTask("go") : client.sessions.list()));
  });
}

/** Lists the sessions through a proxy that gives this answer. */
async function proxied(answer, options) {
  const server = createServer(async (socket) => {
    let head = "";
    for await (const part of socket.iterator({ destroyOnReturn: false })) {
      head += part;
      if (head.endsWith("\r\n\r\n")) break;
    }
    socket.end(answer);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = `http://127.0.0.1:${server.address().port}`;
  const client = new Agi({ ...options, baseUrl: "https://service.invalid", proxy });
  try {
    return await using(client, () => client.sessions.list());
  } finally {
    server.close();
  }
}

/** The names of an error's fields, its classes' among them. */
function names(error) {
  const found = [];
  for (let part = error; part !== Error.prototype; part = Object.getPrototypeOf(part)) {
    found.push(...Object.getOwnPropertyNames(part));
  }
  return found;
}

for (const wanted of cases("echoes.json")) {
  test(wanted.id, async () => {
    for (const form of forms) {
      const log = [];
      setLogger({ debug: (line) => log.push(line), warn: (line) => log.push(line) });
      const error = await failure(() => attempt(echoing(wanted, form)));
      assert.equal(error.constructor.name, wanted.error, error.message);
      assert.ok(log.length > 0);
      const fields = names(error).map((name) => inspect(error[name], { depth: 9 }));
      const whole = inspect(error, { depth: 9, showHidden: true, getters: true });
      const has = [String(error), error.stack, whole, JSON.stringify(error), ...fields].join("\n");
      assert.equal(has.includes("[redacted]"), !wanted.silent, has);
      const seen = [has, ...log].join("\n");
      // A quotation adds backslashes, or takes them.
      const bare = seen.replaceAll("\\", "");
      for (const shown of forms) {
        assert.ok(!seen.includes(shown), `${shown} in ${seen}`);
        assert.ok(!bare.includes(shown.replaceAll("\\", "")), `${shown} in ${bare}`);
      }
    }
  });
}
