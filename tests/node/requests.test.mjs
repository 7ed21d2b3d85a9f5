// What the emulator received: finding it, waiting for it, asserting it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Emulator, InvalidRequestError } from "sessionwire";
import { node, using } from "./helpers.mjs";

/** An emulator that received three requests, and the session's id. */
async function played(work) {
  await using(await Emulator.start({ stepDelay: 5 }), (emulator) =>
    using(emulator.agi(), async (client) => {
      const session = await client.sessions.create();
      await session.sendMessage("Book a table", { startUrl: "https://example.com" });
      await client.sessions.list();
      await work(emulator, session.sessionId, client);
    }),
  );
}

test("requests are found by what they are", () =>
  played(async (emulator, sessionId) => {
    for (const [match, count] of [
      [undefined, 3],
      [{}, 3],
      [{ method: "post" }, 2],
      [{ method: undefined, path: "/v1/sessions" }, 2],
      [{ path: "/v1/sessions/*" }, 0],
      [{ path: "/v1/sessions/*/message" }, 1],
      [{ path: "/v1/**" }, 3],
      [{ path: /MESSAGE/gi }, 1],
      [{ path: /^\/v1\/sessions$/, method: "GET" }, 1],
      [{ json: { message: "Book a table" } }, 1],
      [{ json: { message: "Book" } }, 0],
      [{ sessionId }, 1],
      [{ sessionId: "other" }, 0],
      [{ status: 200 }, 3],
      [{ status: 503 }, 0],
    ]) {
      const found = emulator.requests(match);
      assert.equal(found.length, count, `${JSON.stringify(match)} ${match?.path}`);
    }
    const [message] = emulator.requests({ sessionId });
    assert.deepEqual(message.json(), {
      message: "Book a table",
      start_url: "https://example.com",
    });
    assert.ok(message.receivedAt instanceof Date);
    assert.throws(() => emulator.requests({ method: 5 }), InvalidRequestError);
    assert.throws(() => emulator.requests({ method: "GET" })[0].json(), SyntaxError);
  }));

test("assertRequested gives what came, or shows it", () =>
  played(async (emulator, sessionId) => {
    const match = { method: "POST", path: "**/message" };
    assert.deepEqual(
      emulator.assertRequested(match, { times: 1 }),
      emulator.requests({ sessionId }),
    );
    assert.throws(
      () => emulator.assertRequested({ method: "DELETE", path: /x/, json: { a: 1 } }),
      (error) => {
        assert.ok(error instanceof assert.AssertionError);
        const lines = error.message.split("\n");
        const path = `/v1/sessions/${sessionId}/message`;
        assert.deepEqual(lines.slice(0, 5), [
          'Expected DELETE /x/ with json {"a":1} at least once; it came 0 times.',
          `The nearest is POST ${path} -> 200, which differs:`,
          "  method: expected DELETE, got POST",
          "  json.a: expected 1, and it is not there",
          "What happened, in seconds since the emulator's start:",
        ]);
        const happened = lines.slice(5).map((line) => line.replace(/^ *\d+\.\d{3}/, ""));
        assert.match(happened[0], /^ {2}POST \/v1\/sessions -> 200 \{"agent_name"/);
        assert.match(happened[2], /^ {4}\S{8} task ".*": the built-in agent works$/);
        assert.ok(happened.includes("  GET /v1/sessions -> 200"));
        return true;
      },
    );
    assert.throws(
      () => emulator.assertRequested({ method: "POST" }, { times: 1 }),
      /^AssertionError.*Expected POST exactly 1 time; it came 2 times\.\nWhat happened/,
    );
    emulator.clearRequests();
    assert.deepEqual(emulator.assertRequested({}, { times: 0 }), []);
    assert.throws(
      () => emulator.assertRequested({}),
      /since the requests were cleared; 3 had come before/,
    );
  }));

test("a filter that no request can fit is refused", () =>
  played(async (emulator) => {
    for (const [match, said] of [
      [{ method: "PSOT" }, /`method` is "PSOT", .* write `POST`/],
      [{ path: "v1/sessions" }, /`path` is "v1\/sessions", .* write `\/v1\/sessions`/],
      [{ path: "/v1/sessions?limit=1" }, /has a query, .* write `\/v1\/sessions`/],
      [{ path: "http://localhost/v1/sessions" }, /is an address, .* write `\/v1\/sessions`/],
      [{ status: 999 }, /`status` is 999, .* from 100 to 599/],
    ]) {
      const refused = (error) => {
        assert.ok(error instanceof InvalidRequestError);
        assert.match(error.message, said);
        return true;
      };
      assert.throws(() => emulator.assertRequested(match, { times: 0 }), refused);
      assert.throws(() => emulator.requests(match), refused);
      await assert.rejects(emulator.waitForRequest(match, { timeout: 0 }), refused);
    }
  }));

test("a long list of requests is cut", () =>
  played(async (emulator, _, client) => {
    for (let at = 0; at < 57; at++) await client.sessions.list();
    assert.throws(
      () => emulator.assertRequested({ method: "PUT" }),
      (error) => {
        assert.match(error.message, /\n {4}\.\.\. {2}\d+ earlier\n/);
        return true;
      },
    );
  }));

test("waitForRequest waits for the request, or for its answer", () =>
  played(async (emulator, _, client) => {
    emulator.clearRequests();
    emulator.fail({ on: "list", hang: true });
    const waiting = emulator.waitForRequest({ method: "GET", path: "/v1/sessions" });
    const answered = emulator.waitForRequest({ method: "GET", status: 200 });
    const controller = new AbortController();
    const hanging = client.sessions.list({ signal: controller.signal });
    assert.equal((await waiting).status, null);
    controller.abort(new Error("enough"));
    await assert.rejects(hanging, /enough/);
    await client.sessions.list();
    assert.equal((await answered).status, 200);
    const before = await emulator.waitForRequest({ method: "GET", status: 200 }, { timeout: 0 });
    assert.deepEqual(before, await answered);
  }));

test("waiting in vain says what came", () =>
  played(async (emulator) => {
    const waiting = emulator.waitForRequest({ method: "DELETE" }, { timeout: 300 });
    await assert.rejects(waiting, (error) => {
      assert.equal(error.name, "TimeoutError");
      assert.match(error.message, /^DELETE did not come within 300 ms\.\nWhat happened, /);
      return true;
    });
  }));

test("g06 a wait ends with its signal and with the emulator", () =>
  played(async (emulator) => {
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = emulator.waitForRequest({ method: "PUT" }, { timeout: 60_000, signal });
    const closed = emulator.waitForRequest({ method: "PUT" }, { timeout: 60_000 });
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(aborted, reason);
    await assert.rejects(emulator.waitForRequest({ method: "GET" }, { signal }), reason);
    await Promise.all([
      assert.rejects(closed, /did not come before the emulator was closed/),
      emulator.close(),
    ]);
  }));

test("g05 an aborted wait does not keep the process alive", async () => {
  const done = await node([
    "--input-type=module",
    "-e",
    `import { Emulator } from "sessionwire";
     const emulator = await Emulator.start();
     const signal = AbortSignal.timeout(10);
     const waiting = emulator.waitForRequest({}, { timeout: 60_000, signal });
     await waiting.catch((error) => console.log(error.name));`,
  ]);
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /TimeoutError/);
});
