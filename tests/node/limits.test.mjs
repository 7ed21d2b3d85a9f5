// The service's limits: as errors, and as waiting where the caller asked for it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Emulator } from "sessionwire";
import { camelKeys, cases, check, failure, until } from "./helpers.mjs";

const PATHS = { create: "/v1/sessions", list: "/v1/sessions", message: "/v1/sessions/*/message" };

/** Durations of a case are seconds; here they are milliseconds. */
function options(described = {}) {
  const converted = camelKeys(described);
  for (const name of ["timeout", "waitForLimit"]) {
    if (converted[name] !== undefined) converted[name] *= 1000;
  }
  return converted;
}

for (const { id, client: setup, with_options, faults, call, args, expect } of cases(
  "limits.json",
)) {
  test(id, async () => {
    const emulator = await Emulator.start({ stepDelay: 1 });
    const client = emulator.agi(options(setup)).withOptions(options(with_options));
    try {
      const session = await client.sessions.create();
      emulator.clearRequests();
      for (const fault of faults) emulator.fail(fault);
      const calls = {
        create: () => client.sessions.create(options(args)),
        list: () => client.sessions.list(),
        message: () => session.sendMessage("hello"),
        run_task: () => client.runTask("hello", options(args)),
      };
      if (expect.error !== undefined) check(await failure(calls[call]), expect.error);
      else await calls[call]();
      const endpoint = faults[0].on;
      const method = endpoint === "list" ? "GET" : "POST";
      const requests = emulator.requests({ method, path: PATHS[endpoint] });
      assert.equal(requests.length, expect.requests);
      if (expect.user_messages !== undefined) {
        const { messages } = await session.messages();
        const users = messages.filter((message) => message.type === "USER");
        assert.equal(users.length, expect.user_messages);
      }
    } finally {
      await client.close();
      await emulator.close();
    }
  });
}

test("a session that is deleted makes room", async () => {
  const emulator = await Emulator.start({ sessionLimit: 1 });
  const client = emulator.agi({ waitForLimit: 30_000 });
  try {
    const first = await client.sessions.create();
    const second = client.sessions.create();
    await until(() => emulator.requests({ method: "POST", status: 503 }).length > 0);
    await first.delete();
    assert.notEqual((await second).sessionId, first.sessionId);
  } finally {
    await client.close();
    await emulator.close();
  }
});

test("an aborted wait leaves the client usable", async () => {
  const emulator = await Emulator.start();
  const client = emulator.agi({ waitForLimit: 50_000 });
  try {
    emulator.fail({ on: "create", status: 429, times: 0, headers: { "Retry-After": "40" } });
    const controller = new AbortController();
    const creating = client.sessions.create({ signal: controller.signal });
    await until(() => emulator.requests({ method: "POST", status: 429 }).length > 0);
    const reason = new Error("enough");
    controller.abort(reason);
    assert.equal(await failure(() => creating), reason);
    emulator.clearFaults();
    await client.sessions.create();
    assert.equal(emulator.requests({ method: "POST", path: "/v1/sessions" }).length, 2);
  } finally {
    await client.close();
    await emulator.close();
  }
});
