// The cleaning up of sessions.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Emulator, InvalidRequestError } from "sessionwire";
import { failure } from "./helpers.mjs";

const MIXED = {
  tasks: [{ match: "fail", steps: [{ error: "sold out" }] }, { steps: [{ done: "ready" }] }],
};

/** A test with an emulator and a client of it. */
function scene(name, work, { emulator: setup = {}, client: options = {} } = {}) {
  test(name, async () => {
    const emulator = await Emulator.start({ stepDelay: 1, scenario: MIXED, ...setup });
    const client = emulator.agi(options);
    try {
      await work(emulator, client);
    } finally {
      await client.close();
      await emulator.close();
    }
  });
}

scene(
  "cleanup says what became of each session",
  async (emulator, client) => {
    const ids = [];
    for (const task of ["one", "fail"]) {
      const session = await client.sessions.create();
      await session.runTask(task).catch(() => {});
      ids.push(session.sessionId);
    }
    const ready = await client.sessions.create();
    assert.deepEqual(await client.sessions.cleanup({ olderThan: 3_600_000 }), []);
    emulator.fail({ on: "delete", status: 500, session_id: ids[0] });
    const [first, second] = await client.sessions.cleanup({ olderThan: 0 });
    assert.equal(first.sessionId, ids[0]);
    assert.equal(first.deleted, false);
    assert.equal(first.error.statusCode, 500);
    assert.deepEqual(
      [second.sessionId, second.status, second.deleted, second.error],
      [ids[1], "error", true, null],
    );
    assert.ok(second.createdAt instanceof Date);
    const left = await client.sessions.list();
    assert.deepEqual(
      left.map((session) => session.sessionId).sort(),
      [ids[0], ready.sessionId].sort(),
    );
    for (const options of [{ statuses: [] }, { statuses: "error" }, { olderThan: -1 }]) {
      assert.ok(
        (await failure(() => client.sessions.cleanup(options))) instanceof InvalidRequestError,
      );
    }
  },
  { client: { maxRetries: 0 } },
);
