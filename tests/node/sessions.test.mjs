// The client and its sessions: every call, and the cleaning up.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { inspect } from "node:util";
import {
  Agi,
  ConflictError,
  Emulator,
  InvalidRequestError,
  Screenshot,
  Session,
} from "sessionwire";
import { all, script, serve, until, using } from "./helpers.mjs";

let emulator;
let client;

before(async () => {
  emulator = await Emulator.start({ stepDelay: 1, browser: "builtin" });
  client = emulator.agi();
});

beforeEach(async () => {
  emulator.clearFaults();
  emulator.scenario({ tasks: [] });
  await client.sessions.deleteAll();
  emulator.clearRequests();
});

after(async () => {
  await client.close();
  await emulator.close();
});

test("of two calls at once that delete what was created, each reports its own", async () => {
  const mine = emulator.agi();
  for (let count = 0; count < 3; count++) await mine.sessions.create();
  const both = [mine.sessions.deleteCreated(), mine.sessions.deleteCreated()];
  const reports = (await Promise.all(both)).flat();
  assert.deepEqual(
    reports.map(({ deleted }) => deleted),
    [true, true, true],
  );
  assert.equal(emulator.requests({ method: "DELETE" }).length, 3);
  await mine.close();
});

test("g08: statuses that are no list of strings are refused by their names", async () => {
  for (const [given, what] of [
    [null, "null"],
    [5, "number"],
    [[5], "a list of others"],
  ]) {
    const refused = (name) => ({
      name: "InvalidRequestError",
      message: `\`${name}\` must be a list of strings, not ${what}.`,
    });
    emulator.clearRequests();
    await assert.rejects(client.sessions.cleanup({ statuses: given }), refused("statuses"));
    if (given !== null) {
      await assert.rejects(client.sessions.list({ status: given }), refused("status"));
    }
    assert.deepEqual(emulator.requests(), []);
  }
});

test("a page may settle for no time", async () => {
  const session = await client.sessions.create();
  const { redirected } = await session.goto("http://127.0.0.1:9/", { settle: 0 });
  assert.equal(redirected, false);
});

test("create, get, list, attach, refresh, delete", async () => {
  const session = await client.sessions.create({ agentName: "agi-0-fast", extraBody: { note: 1 } });
  assert.ok(session instanceof Session);
  assert.equal(session.agentName, "agi-0-fast");
  assert.equal(session.status, "ready");
  assert.ok(session.createdAt instanceof Date);
  assert.ok(Math.abs(Date.now() - session.createdAt.getTime()) < 60_000);
  assert.deepEqual(JSON.parse(emulator.requests()[0].body), { agent_name: "agi-0-fast", note: 1 });

  const got = await client.sessions.get(session.sessionId);
  assert.equal(got.sessionId, session.sessionId);
  assert.deepEqual(
    (await client.sessions.list()).map((listed) => listed.sessionId),
    [session.sessionId],
  );

  emulator.clearRequests();
  const attached = client.sessions.attach(session.sessionId);
  assert.equal(attached.agentName, "");
  assert.equal(attached.createdAt, null);
  assert.deepEqual(emulator.requests(), []);
  assert.equal(await attached.refresh(), attached);
  assert.equal(attached.agentName, "agi-0-fast");

  assert.deepEqual(await session.delete({ saveSnapshotMode: "filesystem", saveAsDefault: true }), {
    success: true,
    deleted: true,
    message: "Session deleted successfully",
  });
  assert.equal((await client.sessions.delete(session.sessionId)).deleted, false);
  assert.equal((await client.sessions.deleteAll()).deleted, false);
});

test("messages, followMessages, executionStatus, wait", async () => {
  emulator.scenario(script({ thought: "a" }, { thought: "b" }, { done: { summary: "c" } }));
  const session = await client.sessions.create();
  const sent = await session.sendMessage("go", { startUrl: "http://127.0.0.1:9/" });
  assert.equal(sent.success, true);
  const followed = await all(session.followMessages({ pollInterval: 5 }));
  assert.deepEqual(
    followed.map((message) => message.type),
    ["USER", "THOUGHT", "THOUGHT", "DONE"],
  );
  assert.equal(await session.wait({ pollInterval: 5, timeout: 10_000 }), "finished");
  assert.equal(await session.executionStatus(), "finished");
  const { messages, status, hasAgent } = await session.messages({ afterId: followed[1].id });
  assert.deepEqual(
    messages.map((message) => message.text),
    ["b", '{"summary":"c"}'],
  );
  assert.equal(status, "finished");
  assert.equal(typeof hasAgent, "boolean");
  assert.deepEqual(messages[1].content, { summary: "c" });
});

test("pause, resume, cancel, stop and their conflicts", async () => {
  emulator.scenario(script({ thought: "a" }, { delay: 60 }));
  const session = await client.sessions.create();
  await session.sendMessage("go");
  assert.equal((await session.pause()).success, true);
  await assert.rejects(session.pause(), (error) => {
    assert.ok(error instanceof ConflictError);
    assert.equal(error.code, "already_paused");
    assert.equal(error.statusCode, 409);
    return true;
  });
  assert.equal((await session.resume()).success, true);
  await assert.rejects(session.resume(), { name: "ConflictError", code: "not_paused" });
  assert.equal((await session.cancel()).success, true);
  emulator.fail({ on: "cancel", status: 400, body: { detail: "no" } });
  await session.stop();
  assert.equal(emulator.sessionCount, 0);
});

test("paused() resumes, or cancels when its work throws", async () => {
  emulator.scenario(script({ thought: "a" }, { delay: 60 }));
  const session = await client.sessions.create();
  await session.sendMessage("go");
  assert.equal(await session.paused(() => 5), 5);
  assert.equal(await session.executionStatus(), "running");
  const mine = new Error("mine");
  await assert.rejects(
    session.paused(() => {
      throw mine;
    }),
    (error) => error === mine,
  );
  assert.equal(await session.executionStatus(), "finished");
});

test("navigate and screenshot", async () => {
  const page = await serve((_request, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<title>A small shop</title><h1>Offers</h1>");
  });
  const session = await client.sessions.create();
  assert.equal(await session.navigate(`${page.url}/cart`), `${page.url}/cart`);
  const shot = await session.screenshot();
  assert.ok(shot instanceof Screenshot);
  assert.ok(Buffer.isBuffer(shot.image));
  assert.deepEqual([...shot.image.subarray(0, 3)], [0xff, 0xd8, 0xff]);
  assert.equal(shot.mimeType, "image/jpeg");
  assert.equal(shot.title, "A small shop");
  assert.equal(shot.url, `${page.url}/cart`);
  assert.ok(shot.width > 0 && shot.height > 0);
  const folder = await mkdtemp(join(tmpdir(), "sessionwire-"));
  try {
    await shot.save(join(folder, "shot.jpg"));
    assert.deepEqual(await readFile(join(folder, "shot.jpg")), shot.image);
  } finally {
    await rm(folder, { recursive: true });
    await page.close();
  }
});

test("models, request, withOptions", async () => {
  assert.ok((await client.models()).includes("agi-0"));
  const answer = await client.request("POST", "/sessions", {
    body: { agent_name: "agi-0" },
    headers: { "x-mine": "yes" },
  });
  assert.equal(answer.statusCode, 200);
  assert.equal(JSON.parse(answer.body).agent_name, "agi-0");
  assert.match(answer.headers["content-type"], /json/);
  assert.equal(emulator.requests().at(-1).headers["x-mine"], "yes");

  emulator.fail({ on: "list", status: 503, times: 0 });
  emulator.clearRequests();
  const other = client.withOptions({ maxRetries: 0, headers: { "x-other": "1" } });
  assert.ok(other instanceof Agi);
  assert.equal(other.baseUrl, client.baseUrl);
  await assert.rejects(other.sessions.list(), { name: "InternalServerError" });
  assert.equal(emulator.requests().length, 1);
  assert.equal(emulator.requests()[0].headers["x-other"], "1");
});

test("g05 dispose deletes on every way out", async () => {
  const work = async (fail) =>
    using(await client.sessions.create({ saveSnapshotMode: "memory" }), () => {
      assert.equal(emulator.sessionCount, 1);
      if (fail) throw new Error("mine");
    });
  await work(false);
  assert.equal(emulator.sessionCount, 0);
  assert.match(emulator.requests().at(-1).query, /save_snapshot_mode=memory/);
  await assert.rejects(work(true), /^Error: mine/);
  assert.equal(emulator.sessionCount, 0);
  // A session that is deleted already is not deleted again.
  const session = await client.sessions.create();
  await session.delete();
  emulator.clearRequests();
  await session[Symbol.asyncDispose]();
  assert.deepEqual(emulator.requests(), []);
});

test("g05 a failed delete is a warning and never masks the user's error", async () => {
  const warnings = [];
  const listen = (warning) => warnings.push(warning);
  process.on("warning", listen);
  try {
    emulator.fail({ on: "delete", status: 403, times: 0, body: { detail: "not yours" } });
    const mine = new Error("mine");
    const work = async () =>
      using(await client.sessions.create(), () => {
        throw mine;
      });
    await assert.rejects(work(), (error) => error === mine);
    await until(() => warnings.length > 0);
    assert.equal(warnings[0].name, "SessionwireWarning");
    assert.match(warnings[0].message, /could not be deleted.*not yours/);
  } finally {
    process.off("warning", listen);
  }
});

test("g06 a signal drops the request and leaves the client usable", async () => {
  const session = await client.sessions.create();
  emulator.fail({ on: "status", hang: true });
  const controller = new AbortController();
  let handled = 0;
  controller.signal.onabort = () => {
    handled += 1;
  };
  const call = session.executionStatus({ signal: controller.signal });
  await until(() => emulator.requests().at(-1).path.endsWith("/status"));
  const reason = new Error("changed my mind");
  controller.abort(reason);
  await assert.rejects(call, (error) => error === reason);
  assert.equal(handled, 1);
  // An aborted signal sends nothing.
  emulator.clearRequests();
  for (const call of [
    () => client.sessions.create({ signal: controller.signal }),
    () => client.sessions.list({ signal: controller.signal }),
    () => session.startTask("x", { signal: controller.signal }),
    () => session.runTask("x", { signal: controller.signal }),
    () => client.runTask("x", { signal: controller.signal }),
    () => session.screenshot({ signal: controller.signal }),
  ]) {
    await assert.rejects(call(), (error) => error === reason);
  }
  assert.deepEqual(emulator.requests(), []);
  assert.equal(await session.executionStatus(), "finished");
  await assert.rejects(session.wait({ signal: AbortSignal.timeout(5), timeout: -1 }), {
    name: "InvalidRequestError",
  });
});

test("g06 a signal leaves no listener behind, and ends a wait for a result", async () => {
  emulator.scenario(script({ thought: "a" }, { delay: 60 }));
  const session = await client.sessions.create();
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args) => {
    listeners += 1;
    add(...args);
  };
  signal.removeEventListener = (...args) => {
    listeners -= 1;
    remove(...args);
  };
  await client.sessions.list({ signal });
  await session.messages({ signal });
  assert.equal(listeners, 0);
  const running = session.runTask("go", { signal });
  await until(() => emulator.openStreams === 1);
  const reason = new Error("stop waiting");
  controller.abort(reason);
  await assert.rejects(running, (error) => error === reason);
  await until(() => emulator.openStreams === 0);
  assert.equal(await session.executionStatus(), "running");
});

test("many calls at once", async () => {
  const session = await client.sessions.create();
  const calls = Array.from({ length: 200 }, () => session.executionStatus());
  assert.deepEqual(new Set(await Promise.all(calls)), new Set(["finished"]));
});

test("g07 the key is never shown", async () => {
  const key = "sk-very-secret";
  const secret = emulator.agi({ apiKey: key });
  const session = await secret.sessions.create();
  emulator.fail({ on: "get", status: 400, body: { detail: `bad key ${key}` } });
  const error = await session.refresh().then(
    () => assert.fail("the fault did not strike"),
    (error) => error,
  );
  for (const thing of [secret, secret.sessions, session, emulator, error]) {
    for (const shown of [
      inspect(thing, { depth: 9, showHidden: true, getters: true }),
      JSON.stringify(thing),
      String(thing),
    ]) {
      assert.ok(!shown?.includes(key), shown);
    }
  }
  assert.ok(inspect(secret).includes(secret.baseUrl));
  await secret.close();
});

test("dates are read leniently, what cannot be read stays in extra", async () => {
  const times = {
    "2026-03-04T09:15:27.418Z": "2026-03-04T09:15:27.418Z",
    "2026-03-04T09:15:27": "2026-03-04T09:15:27.000Z",
    "2026-03-04T09:15:27.123456789+00:00": "2026-03-04T09:15:27.123Z",
    "2026-03-04T09:15:27.5+02:00": "2026-03-04T07:15:27.500Z",
    "2026-03-04 09:15:27-0130": "2026-03-04T10:45:27.000Z",
    yesterday: null,
  };
  const list = Object.keys(times).map((created_at) => ({
    session_id: "s",
    agent_name: "a",
    status: "new_status",
    created_at,
    agent_url: "https://x.test",
  }));
  const server = await serve((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(list));
  });
  const agi = new Agi({ baseUrl: server.url, apiKey: "k" });
  const sessions = await agi.sessions.list();
  assert.deepEqual(
    sessions.map((session) => session.createdAt?.toISOString() ?? null),
    Object.values(times),
  );
  assert.deepEqual(sessions[0].extra, { agent_url: "https://x.test" });
  assert.equal(sessions.at(-1).extra.created_at, "yesterday");
  assert.equal(sessions[0].status, "new_status");
  await agi.close();
  await server.close();
});

test("the emulator: options, faults and scenarios are checked", async () => {
  await assert.rejects(Emulator.start({ port: 70_000 }), { name: "ConfigError" });
  await assert.rejects(Emulator.start({ heartbeatInterval: -5 }), {
    name: "ConfigError",
    message: /heartbeatInterval.*milliseconds/,
  });
  const port = Number(new URL(emulator.url).port);
  await assert.rejects(Emulator.start({ port }), { name: "ConfigError" });
  assert.throws(() => emulator.fail({ on: "create" }), InvalidRequestError);
  assert.throws(() => emulator.fail({ on: "nowhere", hang: true }), InvalidRequestError);
  assert.throws(
    () => emulator.scenario({ tasks: [{ steps: [{ jump: 1 }] }] }),
    InvalidRequestError,
  );
  const strict = await Emulator.start({ apiKeys: ["one"], sessionLimit: 1 });
  const strictClient = strict.agi();
  assert.equal(strict.apiKey, "one");
  await strictClient.sessions.create();
  await assert.rejects(strictClient.withOptions({ maxRetries: 0 }).sessions.create(), {
    name: "RateLimitError",
    statusCode: 503,
  });
  await strictClient.close();
  await strict.close();
  await strict.close();
});
