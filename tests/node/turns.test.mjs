// Raccoon: turns, their events, sessions and uploads.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { inspect } from "node:util";
import {
  APIStatusError,
  APITimeoutError,
  ConfigError,
  ConflictError,
  Emulator,
  InternalServerError,
  InvalidRequestError,
  NotFoundError,
  Raccoon,
  RateLimitError,
  StreamError,
  TaskError,
  TaskTimeout,
} from "sessionwire";
import { withEmulator } from "sessionwire/testing";
import { all, timeUp, until, using } from "./helpers.mjs";

const SESSION = "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415";

/** A scenario of one script for every turn. */
function turnScript(...steps) {
  return { turns: [{ steps }] };
}

/** An emulator that plays these steps, a client and a fresh session. */
async function playing(steps, work, options = {}) {
  const scenario = turnScript(...steps);
  await using(await Emulator.start({ stepDelay: 0, scenario, ...options }), (emulator) =>
    using(emulator.raccoon(), (client) => work(client.session(), client, emulator)),
  );
}

test("a turn gives its events, its state and its result", () =>
  playing(
    [
      { thought: "On {prompt}" },
      { plan: [{ content: "Read", status: "active" }, "Write"] },
      { tool: "browser", output: { pages: 3 } },
      { snapshot: ["out/a.md"] },
      { text: "One" },
      { text: " two" },
    ],
    async (session, client) => {
      const began = new Date();
      const turn = await session.startTurn("Tell me", { mode: "code" });
      assert.equal(turn.sessionId, session.sessionId);
      const events = await all(turn);
      assert.deepEqual(
        events.map((event) => event.type),
        [
          "message.received",
          "thought",
          "plan.update",
          "tool.start",
          "tool.result",
          "sandbox.snapshot",
          "text",
          "text",
          "task.completed",
        ],
      );
      assert.deepEqual(
        events.map((event) => event.id),
        [1, 2, 3, 4, 5, 6, 7, 8, 9],
      );
      const [, thought, , start, tool] = events;
      assert.equal(thought.text, "On Tell me");
      assert.equal(thought.kind, "thought");
      assert.equal(thought.blockId, "thought:1");
      assert.equal(thought.messageId, turn.messageId);
      assert.ok(thought.timestamp instanceof Date);
      assert.match(thought.streamEntryId, /^\d+-\d+$/);
      assert.deepEqual(JSON.parse(thought.raw).payload, thought.data);
      assert.equal(start.blockId, tool.blockId);
      assert.deepEqual(tool.data.output, { pages: 3 });
      for (const event of events) {
        const { type, kind, id, data, text, raw } = event;
        const { blockId, messageId, timestamp, streamEntryId } = event;
        const own = {
          type,
          kind,
          id,
          data,
          text,
          raw,
          blockId,
          messageId,
          timestamp,
          streamEntryId,
        };
        assert.deepEqual({ ...event }, own);
        assert.deepEqual(structuredClone(event), own);
        const sent = { ...own, receivedAt: event.receivedAt };
        assert.deepEqual(JSON.parse(JSON.stringify(event)), JSON.parse(JSON.stringify(sent)));
        assert.ok(event.receivedAt >= began && event.receivedAt <= new Date());
        assert.deepEqual(Object.keys(event), Object.keys(own));
      }
      assert.match(inspect(thought), /^TurnEvent \{\s+type: 'thought'/);

      const result = await turn.result();
      assert.equal(result.text, "One two");
      assert.equal(result.status, "completed");
      assert.equal(result.reason, null);
      assert.deepEqual(
        result.plan.map((todo) => [todo.content, todo.status]),
        [
          ["Read", "active"],
          ["Write", "pending"],
        ],
      );
      assert.deepEqual(Object.keys(result.files), ["out/a.md"]);
      assert.equal(result.messageId, turn.messageId);
      assert.ok(result.duration >= 0);
      assert.equal(turn.status, "completed");
      assert.equal(turn.text, "One two");
      assert.equal(turn.queuePosition, 0);
      assert.deepEqual(turn.plan, result.plan);
      assert.deepEqual(turn.files, result.files);
      assert.match(turn.userMessageId, /^msg_/);
      assert.deepEqual(turn.resumePoint, {
        sessionId: session.sessionId,
        messageId: turn.messageId,
        lastStreamEntryId: events.at(-1).streamEntryId,
        lastEventId: 9,
      });
      assert.equal(client.maxConcurrent, 10);
    },
  ));

test("runTurn hands events to onEvent and gives the result", () =>
  playing([{ text: "Done" }], async (session, client) => {
    const types = [];
    const result = await client.runTurn("go", { onEvent: (event) => types.push(event.type) });
    assert.equal(result.text, "Done");
    assert.deepEqual(types, ["message.received", "text", "task.completed"]);
    assert.equal((await session.runTurn("go")).text, "Done");
    assert.equal((await client.runTurn("go", { sessionId: SESSION })).sessionId, SESSION);
    await assert.rejects(client.runTurn("go", { onEvent: 1 }), InvalidRequestError);
  }));

test("what onEvent throws ends the call", () =>
  playing([{ wait_for_stop: true }], async (session) => {
    const broken = new Error("mine");
    const failing = session.runTurn("go", {
      onEvent() {
        throw broken;
      },
    });
    await assert.rejects(failing, broken);
  }));

test("g01: a turn loses and repeats nothing over cut sockets", async () => {
  for (const options of [
    { resume: "honoured" },
    { resume: "ignored" },
    { resume: "inclusive" },
    { entryIds: false },
  ]) {
    await playing(
      [{ repeat: 200, steps: [{ text: "{n} " }] }],
      async (session, _client, emulator) => {
        emulator.fail({ on: "socket", cut_after: 40, times: 6 });
        emulator.fail({ on: "socket", end_after: 20, close_code: 1011, times: 1 });
        const turn = await session.startTurn("go");
        const ids = (await all(turn)).map((event) => event.id);
        assert.deepEqual(
          ids,
          Array.from({ length: 202 }, (_, at) => at + 1),
          JSON.stringify(options),
        );
      },
      options,
    );
  }
});

test("a message and a stop reach the running turn", () =>
  playing(
    [{ wait_for_message: true }, { text: "Told: {message}" }, { wait_for_stop: true }],
    async (session) => {
      const turn = await session.startTurn("go");
      assert.throws(() => turn.sendMessage(5), /`text` must be a string/);
      await turn.sendMessage("hello", { references: [{ a: 1 }] });
      for await (const event of turn) {
        if (event.type === "text") {
          assert.equal(event.text, "Told: hello");
          break;
        }
      }
      assert.deepEqual(await turn.stop(), { confirmed: true, status: "aborted" });
      const result = await turn.result();
      assert.deepEqual(
        [result.status, result.reason, result.text],
        ["aborted", "Stopped by the user", "Told: hello"],
      );
      // The loop goes on where it was left.
      assert.deepEqual(
        (await all(turn)).map((event) => event.type),
        ["task.aborted"],
      );
    },
  ));

test("a stop that nobody confirms says so", () =>
  playing([{ wait_for_stop: true }], async (session, _client, emulator) => {
    emulator.fail({ on: "socket", ignore_frames: true, times: 0 });
    const turn = await session.startTurn("go");
    const stopped = await turn.stop({ timeout: 200 });
    assert.equal(stopped.confirmed, false);
    await turn.close();
  }));

test("a turn gives its events one by one, and return ends the reading only", () =>
  playing(
    [{ text: "a" }, { text: "b" }, { wait_for_stop: true }],
    async (session, client, emulator) => {
      const turn = await session.startTurn("go");
      // Overlapping calls keep their order.
      const [first, second] = await Promise.all([turn.next(), turn.next()]);
      assert.deepEqual([first.value.type, second.value.text], ["message.received", "a"]);
      assert.equal(turn.resumePoint.lastEventId, second.value.id);
      for await (const event of turn) {
        assert.equal(event.text, "b");
        break;
      }
      assert.deepEqual(await turn.return(), { value: undefined, done: true });
      assert.deepEqual(await turn.next(), { value: undefined, done: true });
      await until(() => emulator.openStreams === 0);
      const again = await client.attach(session.sessionId, turn.messageId);
      assert.equal((await again.stop()).confirmed, true);
    },
  ));

test("ReadableStream.from reads a turn", () =>
  playing([{ text: "a" }, { text: "b" }], async (session) => {
    const turn = await session.startTurn("go");
    const types = [];
    for await (const event of ReadableStream.from(turn)) types.push(event.type);
    assert.deepEqual(types, ["message.received", "text", "text", "task.completed"]);
  }));

test("a turn that fails is a TaskError with its events", () =>
  playing([{ text: "so far" }, { error: "No luck", code: "E1" }], async (session) => {
    await assert.rejects(session.runTurn("go"), (error) => {
      assert.ok(error instanceof TaskError);
      assert.match(error.message, /No luck/);
      assert.equal(error.sessionId, session.sessionId);
      assert.match(error.messageId, /^msg_/);
      assert.deepEqual(
        error.events.map((event) => event.type),
        ["message.received", "text", "task.error"],
      );
      assert.equal(error.events[1].data.text, "so far");
      return true;
    });
  }));

test("g04: a timeout ends the wait, and stops the turn where that is wanted", (t) =>
  playing([{ wait_for_stop: true }], async (session, _client) => {
    await assert.rejects(session.runTurn("go", timeUp(t, 200)), (error) => {
      assert.ok(error instanceof TaskTimeout, error.stack);
      assert.match(error.message, /within 200 ms/);
      assert.equal(error.sessionId, session.sessionId);
      assert.match(error.messageId, /^msg_/);
      assert.deepEqual(
        error.events.map((event) => event.type),
        ["message.received"],
      );
      return true;
    });
    const { messages } = await session.history();
    assert.equal(messages[1].aborted, false);
    await assert.rejects(session.runTurn("again"), ConflictError);
    const other = _client.session();
    await assert.rejects(
      other.runTurn("go", { ...timeUp(t, 200), stopOnTimeout: true }),
      (error) => error instanceof TaskTimeout && error.messageId !== null,
    );
    assert.equal((await other.history()).messages[1].aborted, true);
  }));

test("g06: a signal ends the reading, not the turn", () =>
  playing([{ text: "a" }, { wait_for_message: true }, { text: "b" }], async (session, client) => {
    const controller = new AbortController();
    const turn = await session.startTurn("go", { signal: controller.signal });
    await assert.rejects(async () => {
      for await (const event of turn) {
        if (event.type === "text") controller.abort(new Error("enough"));
      }
    }, /enough/);
    const point = turn.resumePoint;
    assert.equal(point.lastEventId, 2);
    const again = await client.attach(point.sessionId, point.messageId, { after: point });
    assert.deepEqual(again.resumePoint, point);
    await again.sendMessage("go on");
    assert.deepEqual(
      (await all(again)).map((event) => event.id),
      [3, 4, 5],
    );
    await again.close();
  }));

test("g05: a socket is freed by close, by await using and by the end", () =>
  playing([{ wait_for_stop: true }], async (session, client, emulator) => {
    const turn = await session.startTurn("go");
    await until(() => emulator.openStreams === 1);
    await turn.close();
    await until(() => emulator.openStreams === 0);
    await using(await client.session().startTurn("go"), () =>
      until(() => emulator.openStreams === 1),
    );
    await until(() => emulator.openStreams === 0);
  }));

for (const [refusal, type] of [
  [{ reset: true }, StreamError],
  [{ status: 503 }, InternalServerError],
]) {
  test(`a stream that is lost for ${type.name} says where to attach`, () =>
    playing([{ text: "a" }, { wait_for_stop: true }], async (session, client, emulator) => {
      emulator.fail({ on: "socket", cut_after: 2 });
      emulator.fail({ on: "socket", ...refusal, times: 0 });
      const turn = await session.startTurn("go", { maxReconnects: 1 });
      const error = await all(turn).then(
        () => assert.fail("it ended"),
        (error) => error,
      );
      assert.ok(error instanceof type, String(error));
      assert.deepEqual([error.sessionId, error.lastEventId], [session.sessionId, 2]);
      emulator.clearFaults();
      const again = await client.attach(error.sessionId, error.messageId, {
        after: error.lastStreamEntryId,
      });
      await again.stop();
      assert.deepEqual(
        (await all(again)).map((event) => event.id),
        [3],
      );
    }));
}

test("sessions are listed page by page, read, renamed and deleted", () =>
  playing([{ text: "x" }], async (_session, client, emulator) => {
    for (let number = 0; number < 5; number += 1) await client.runTurn(`Session ${number}`);
    const listed = await all(
      client.sessions.list({ limit: 2, sortBy: "createdAt", sortOrder: "asc" }),
    );
    assert.deepEqual(
      listed.map(({ title }) => title),
      [0, 1, 2, 3, 4].map((number) => `Session ${number}`),
    );
    assert.ok(listed[0].createdAt instanceof Date);
    emulator.assertRequested({ method: "GET", path: "/sessions" }, { times: 3 });
    const { sessionId } = listed[3];
    await client.sessions.rename(sessionId, "Mugs");
    assert.equal((await all(client.sessions.list({ search: "mug" })))[0].sessionId, sessionId);
    const history = await client.sessions.get(sessionId);
    assert.deepEqual(
      history.messages.map(({ role, content }) => [role, content]),
      [
        ["user", "Session 3"],
        ["agent", "x"],
      ],
    );
    assert.deepEqual(
      history.messages[1].events.map((event) => event.type),
      ["message.received", "text", "task.completed"],
    );
    assert.equal(history.messages[1].events[1].blockId, "text:answer");
    assert.equal((await client.sessions.delete(sessionId)).deleted, true);
    assert.equal((await client.sessions.delete(sessionId)).deleted, false);
    await assert.rejects(client.sessions.get(sessionId), NotFoundError);
  }));

test("a session deletes itself only where that is wanted", () =>
  playing([{ text: "x" }], async (_session, client, emulator) => {
    const stays = client.session();
    await using(stays, () => stays.runTurn("go"));
    assert.equal((await stays.history()).messages.length, 2);
    const goes = client.session(undefined, { deleteOnExit: true });
    await using(goes, () => goes.runTurn("go"));
    await assert.rejects(goes.history(), NotFoundError);
    const gone = client.session(undefined, { deleteOnExit: true });
    await using(gone, async () => {
      await gone.runTurn("go");
      await gone.delete();
    });
    const deletes = emulator.requests({ method: "DELETE" });
    assert.deepEqual(
      deletes.map(({ path }) => path.split("/").at(-1)),
      [goes.sessionId, gone.sessionId],
    );
  }));

test("files are uploaded from a path, bytes, a Blob and a stream, with progress", () =>
  playing([{ text: "x" }], async (session, client, emulator) => {
    const folder = mkdtempSync(join(tmpdir(), "sessionwire-"));
    try {
      const path = join(folder, "notes.txt");
      writeFileSync(path, "x".repeat(300_000));
      const seen = [];
      const file = await session.upload(path, { onProgress: (progress) => seen.push(progress) });
      assert.deepEqual(
        { ...file, uploadedAt: undefined },
        {
          key: `${session.sessionId}/notes.txt`,
          name: "notes.txt",
          type: "text/plain",
          size: 300_000,
          uploadedAt: undefined,
        },
      );
      assert.deepEqual(seen.at(-1), { sent: 300_000, total: 300_000 });
      assert.ok(seen.every(({ sent }, at) => at === 0 || sent > seen[at - 1].sent));
      const named = { name: "a.csv" };
      assert.equal((await session.upload(Buffer.from("a,b"), named)).type, "text/csv");
      const blob = new Blob(["12345"], { type: "text/html" });
      assert.equal((await session.upload(blob)).type, "text/html");
      const streamed = await client.media.upload(createReadStream(path), {
        sessionId: session.sessionId,
        key: "my/own.bin",
      });
      assert.deepEqual([streamed.key, streamed.size], ["my/own.bin", 300_000]);
      async function* pieces() {
        yield "ab";
        yield new Uint8Array([99]);
      }
      assert.equal((await session.upload(pieces(), named)).size, 3);

      await session.runTurn("go", { files: [path, file] });
      const [request] = emulator.requests({ path: "/sessions/new" });
      assert.deepEqual(
        JSON.parse(request.body).files.map(({ key }) => key),
        // What was uploaded before stays as it is.
        [`${session.sessionId}/2/notes.txt`, file.key],
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  }));

test("an upload that cannot be read or is given up fails with the reason", () =>
  playing([], async (session, _client, emulator) => {
    await assert.rejects(session.upload("/no/such/file.txt"), /file\.txt/);
    await assert.rejects(session.upload(7), InvalidRequestError);
    await assert.rejects(session.upload("x", { onProgress: 7 }), InvalidRequestError);
    const mine = new Error("mine");
    async function* broken() {
      yield "a";
      throw mine;
    }
    await assert.rejects(session.upload(broken()), mine);
    emulator.fail({ on: "upload", hang: true });
    const controller = new AbortController();
    const reason = new Error("no more");
    const uploading = session.upload(Buffer.from("x"), { signal: controller.signal });
    await emulator.waitForRequest({ method: "PUT" });
    controller.abort(reason);
    await assert.rejects(uploading, reason);

    const midway = new AbortController();
    const onProgress = () => midway.abort(reason);
    const large = session.upload(Buffer.alloc(5_000_000), { signal: midway.signal, onProgress });
    await assert.rejects(large, reason);
  }));

test("g04 an upload whose source stands still ends with its signal and its time", () =>
  playing([], async (session, client) => {
    /** Sources that give a little and then nothing, and whether they were given up. */
    const sources = {
      readable(ended) {
        const source = new Readable({
          read() {},
          destroy(error, done) {
            ended();
            done(error);
          },
        });
        source.push("a");
        return source;
      },
      web: (ended) =>
        new ReadableStream({
          start: (control) => control.enqueue(Buffer.from("a")),
          cancel: ended,
        }),
      generator: (ended) => ({
        [Symbol.asyncIterator]: () => ({
          first: true,
          next() {
            if (!this.first) return new Promise(() => {});
            this.first = false;
            return Promise.resolve({ done: false, value: "a" });
          },
          return: async () => {
            ended();
            return { done: true };
          },
        }),
      }),
    };
    const impatient = client.withOptions({ timeout: 300, maxRetries: 0 });
    for (const [name, source] of Object.entries(sources)) {
      let ended = 0;
      const count = () => {
        ended += 1;
      };
      const reason = new Error("no more");
      const controller = new AbortController();
      const options = { signal: controller.signal, onProgress: () => controller.abort(reason) };
      await assert.rejects(session.upload(source(count), options), reason, name);
      await until(() => ended === 1, name);
      const late = impatient.session().upload(source(count));
      await assert.rejects(late, APITimeoutError, name);
      await until(() => ended === 2, name);
    }
  }));

test("g08 what is no regular file is refused", () =>
  playing([], async (session, _client, emulator) => {
    const folder = mkdtempSync(join(tmpdir(), "sessionwire-"));
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    for (const [path, what] of [
      [pipe, /a named pipe/],
      [folder, /a directory/],
      ["/dev/null", /a device/],
    ]) {
      await assert.rejects(session.upload(path), (error) => {
        assert.ok(error instanceof InvalidRequestError);
        assert.match(error.message, what);
        return true;
      });
    }
    rmSync(folder, { recursive: true });
    assert.deepEqual(emulator.requests({ method: "PUT" }), []);
  }));

test("refusals are errors with their names", () =>
  playing([{ text: "x" }], async (session, client, emulator) => {
    emulator.fail({ on: "start_turn", status: 409, body: { detail: "turn_in_progress" } });
    await assert.rejects(session.startTurn("go"), ConflictError);
    emulator.fail({ on: "list", limit: 429, retry_after: 120 });
    await assert.rejects(all(client.sessions.list()), (error) => {
      assert.ok(error instanceof RateLimitError);
      assert.equal(error.retryAfter, 120_000);
      return true;
    });
    await assert.rejects(client.attach(SESSION, "msg_x").then(all), APIStatusError);
    assert.throws(() => client.session("not-a-uuid"), InvalidRequestError);
    await assert.rejects(session.startTurn(""), InvalidRequestError);
    await assert.rejects(session.startTurn(undefined), InvalidRequestError);
    await assert.rejects(session.rename(" "), InvalidRequestError);
    await assert.rejects(client.runTurn("go", { idleTimeout: -1 }), InvalidRequestError);
    assert.throws(() => new Raccoon({ apiKey: 7 }), ConfigError);
    assert.throws(() => new Raccoon({ apiKey: "k", timeout: -1 }), ConfigError);
  }));

test("the client speaks for itself", () =>
  playing([], async (_session, client, emulator) => {
    assert.equal(client.baseUrl, emulator.raccoonUrl);
    assert.equal(inspect(client), `Raccoon { baseUrl: '${emulator.raccoonUrl}' }`);
    assert.ok(!inspect(client, { depth: 9, showHidden: true }).includes(emulator.apiKey));
    const answer = await client.request("GET", "/sessions");
    assert.equal(answer.statusCode, 200);
    const copy = client.withOptions({ timeout: 1000 });
    assert.deepEqual(await all(copy.sessions.list()), []);
    await client.close();
    await assert.rejects(all(copy.sessions.list()), /closed/);
  }));

test("other names on the wire can be set", () =>
  playing([], async (_session, _client, emulator) => {
    await using(
      emulator.raccoon({ wire: { prompt: ["task"], sdkVersion: "ace_version" } }),
      (client) => client.runTurn("go", { sdkVersion: "think", extra: { more: 1 } }),
    );
    const [request] = emulator.requests({ path: "/sessions/new" });
    const { session_id: _, ...body } = JSON.parse(request.body);
    assert.deepEqual(body, { task: "go", mode: "auto", ace_version: "think", more: 1 });
  }));

test("the testing helper sets the environment for new Raccoon()", () =>
  withEmulator({ scenario: turnScript({ text: "x" }) }, async (emulator) => {
    await using(new Raccoon(), async (client) => {
      assert.equal((await client.runTurn("go")).text, "x");
    });
    emulator.assertRequested({ method: "POST", path: "/sessions/new", json: { prompt: "go" } });
  }));
