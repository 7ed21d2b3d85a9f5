// What a closed client still does: nothing. Its calls say so, its connections are gone.

import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { test } from "node:test";
import { Emulator } from "sessionwire";
import { call } from "./calls.mjs";
import { all, cases, check, contractFile, failure, script, until, using } from "./helpers.mjs";

/** Makes a case's call, and reads what it gives to the end. */
async function closedCall(each, client, session, task) {
  const outcome = await call(each, client, session, task);
  if (outcome?.[Symbol.asyncIterator] !== undefined) await all(outcome);
}

/** The same for Raccoon. */
async function turnCall(name, client, session, turn) {
  const { sessions } = client;
  const { sessionId } = session;
  const calls = {
    "client.request": () => client.request("GET", "/sessions"),
    "client.attach": () => client.attach(sessionId, turn.messageId, { after: turn.resumePoint }),
    "sessions.list": () => all(sessions.list()),
    "sessions.get": () => sessions.get(sessionId),
    "sessions.rename": () => sessions.rename(sessionId, "title"),
    "sessions.delete": () => sessions.delete(sessionId),
    "media.upload": () => client.media.upload(Buffer.from("x"), { sessionId }),
    "session.start_turn": () => session.startTurn("go"),
    "session.run_turn": () => session.runTurn("go"),
    "session.history": () => session.history(),
    "session.rename": () => session.rename("title"),
    "session.delete": () => session.delete(),
    "session.upload": () => session.upload(Buffer.from("x")),
    "turn.send_message": () => turn.sendMessage("hello"),
    "turn.stop": () => turn.stop(),
    "turn.result": () => turn.result(),
  };
  return calls[name]();
}

for (const each of cases("closed.json")) {
  test(each.id, async () =>
    using(
      await Emulator.start({ stepDelay: 0, scenario: script({ question: "Which?" }) }),
      async (emulator) => {
        const client = emulator.agi();
        const session = await client.sessions.create();
        const task = await session.startTask("go");
        await until(() => task.question !== null);
        await client.close();
        emulator.clearRequests();
        check(
          await failure(() => closedCall(each, client, session, task)),
          contractFile("closed.json").expect,
        );
        assert.deepEqual(emulator.requests(), []);
      },
    ),
  );
}

for (const { id, call: name } of cases("closed_turns.json")) {
  test(id, async () =>
    using(
      await Emulator.start({ scenario: { turns: [{ steps: [{ wait_for_stop: true }] }] } }),
      async (emulator) => {
        const client = emulator.raccoon();
        const session = client.session();
        const turn = await session.startTurn("go");
        await until(() => emulator.openStreams === 1);
        await client.close();
        emulator.clearRequests();
        const error = await failure(() => turnCall(name, client, session, turn));
        check(error, contractFile("closed_turns.json").expect);
        assert.deepEqual(emulator.requests(), []);
      },
    ),
  );
}

/** How many sockets this process has open. */
function sockets() {
  const open = readdirSync("/dev/fd").filter((number) => {
    try {
      return statSync(`/dev/fd/${number}`).isSocket();
    } catch {
      return false; // The one that the list itself was read with.
    }
  });
  return open.length;
}

test("g05 closed clients leave no socket", async () =>
  using(await Emulator.start(), async (emulator) => {
    const before = sockets();
    const clients = Array.from({ length: 50 }, () => emulator.agi());
    const raccoons = Array.from({ length: 50 }, () => emulator.raccoon());
    await Promise.all([
      ...clients.map((client) => client.sessions.list()),
      ...raccoons.map((client) => all(client.sessions.list())),
    ]);
    assert.ok(sockets() >= before + 200, "each has one, and the emulator has its other end");
    // Copies share the connections: closing one closes them.
    for (const client of clients) await client.withOptions({ timeout: 5000 }).close();
    for (const client of raccoons) await client.close();
    await until(() => sockets() <= before, "every socket is closed");
    await assert.rejects(clients[0].sessions.list(), /client is closed/);
  }));

test("g05 a close during calls leaves no socket", async () =>
  using(await Emulator.start(), async (emulator) => {
    const before = sockets();
    emulator.fail({ on: "list", hang: true, times: 0 });
    const client = emulator.agi();
    const events = (await client.sessions.create()).events();
    const reading = events.next();
    const listing = Array.from({ length: 8 }, () => client.sessions.list());
    const ended = Promise.allSettled([reading, ...listing]);
    await until(() => emulator.requests({ method: "GET" }).length === 9);
    await client.close();
    for (const { reason } of await ended) assert.equal(reason?.reason, "client_closed");
    await until(() => sockets() <= before, "every socket is closed");
  }));
