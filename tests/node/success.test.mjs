// A success whose body cannot be read, and the names of errors.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Emulator } from "sessionwire";
import { call } from "./calls.mjs";
import { cases, check, using } from "./helpers.mjs";

const scenario = { tasks: [{ steps: [{ delay: 3600 }], once: false }] };

function turnCall(name, session) {
  const calls = {
    "turn.start": () => session.startTurn("go"),
    "turn.rename": () => session.rename("title"),
    "turn.delete": () => session.delete(),
    "turn.upload": () => session.upload(Buffer.from("x")),
  };
  return calls[name]();
}

function prepare({ fault, besides = [] }, emulator) {
  emulator.clearRequests();
  for (const each of [fault, ...besides]) emulator.fail(each);
}

function ofTurns(each, emulator) {
  return using(emulator.raccoon(), async (client) => {
    const session = client.session();
    if (each.call !== "turn.start") {
      // A session is there from its first turn on.
      await (await session.startTurn("go")).close();
    }
    prepare(each, emulator);
    return turnCall(each.call, session);
  });
}

function ofTasks(each, emulator) {
  return using(emulator.agi(), async (client) => {
    const session = await client.sessions.create();
    for (const earlier of each.before ?? []) await call(earlier, client, session);
    prepare(each, emulator);
    return call(each, client, session);
  });
}

for (const each of cases("success.json")) {
  test(each.id, async () => {
    const emulator = await Emulator.start({ stepDelay: 0, scenario });
    await using(emulator, async () => {
      const run = each.call.startsWith("turn.") ? ofTurns : ofTasks;
      const outcome = await run(each, emulator).then(
        (result) => ({ result }),
        (error) => ({ error }),
      );
      if (each.error !== undefined) check(outcome.error, each.error);
      else assert.equal(outcome.error, undefined);
      if (each.says !== undefined) assert.equal(outcome.result.message, each.says);
      const effects = emulator.requests().filter(({ method }) => method !== "GET");
      if (each.sent !== undefined) assert.equal(effects.length, each.sent);
    });
  });
}
