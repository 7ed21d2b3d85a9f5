// From a task to a browser: what `toSse` sends over a socket, and what `sessionwire/browser` reads.

import assert from "node:assert/strict";
import { EventEmitter, getEventListeners, once } from "node:events";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { serve as serveHono } from "@hono/node-server";
import { Emulator, InvalidRequestError, resumeHandle, StreamError, toSse } from "sessionwire";
import { readEvents } from "sessionwire/browser";
import { all, script, serve, until, using } from "./helpers.mjs";

const SECRET = "correct horse battery staple";
const STANDING = [{ thought: "Looking" }, { delay: 3600 }];
const STEPS = [
  { thought: "Comparing “two” offers" },
  { step: "Click", url: "https://shop.example/", action: "click" },
  { log: "line\none" },
  { thought: "Nearly" },
  { done: { summary: "It is 9.90", price: 9.9 } },
];

/** What a route's server does with a body: each tells of a client that is gone in its own way. */
const servers = {
  /** By the signal and by cancelling the body. */
  async hono(answer) {
    const server = serveHono({
      fetch: async (request) => {
        const sse = await answer(request, request.signal);
        return new Response(sse.body, sse);
      },
      port: 0,
      hostname: "127.0.0.1",
    });
    if (!server.listening) await once(server, "listening");
    return {
      url: `http://127.0.0.1:${server.address().port}`,
      async close() {
        server.closeAllConnections();
        server.close();
        await once(server, "close");
      },
    };
  },
  /** By cancelling the body. */
  node: (answer) =>
    serve(async (request, response) => {
      const sse = await answer(request, undefined);
      response.writeHead(200, sse.headers);
      await pipeline(Readable.fromWeb(sse.body), response).catch(() => {});
    }),
  /** By the signal alone: the body is read for ever. */
  signal: (answer) =>
    serve(async (request, response) => {
      const gone = new AbortController();
      response.on("close", () => gone.abort());
      const sse = await answer(request, gone.signal);
      response.writeHead(200, sse.headers);
      for await (const chunk of sse.body) response.write(chunk);
      response.end();
    }),
};

/** A client of an emulator that plays these steps. */
function playing(steps, work, options = {}) {
  const scenario = script(...steps);
  return Emulator.start({ stepDelay: 0, scenario, ...options }).then((emulator) =>
    using(emulator, () => using(emulator.agi(), (client) => work(client, emulator))),
  );
}

async function answering(server, answer, work) {
  const { url, close } = await server(answer);
  try {
    return await work(url);
  } finally {
    await close();
  }
}

/** How many messages were sent to the sessions. */
function sent(emulator) {
  return emulator.requests({ method: "POST", path: "/v1/sessions/*/message" }).length;
}

for (const [name, server] of Object.entries(servers)) {
  test(`${name}: every event comes whole, and the stream ends with the task`, () =>
    playing(STEPS, async (client) => {
      const session = await client.sessions.create();
      const given = [];
      const answer = async (_request, signal) => {
        const task = await session.startTask("Find a mug");
        const next = task.next.bind(task);
        const source = {
          async *[Symbol.asyncIterator]() {
            for (let step = await next(); !step.done; step = await next()) {
              given.push(step.value);
              yield step.value;
            }
          },
          close: () => task.close(),
        };
        return toSse(source, { signal });
      };
      await answering(server, answer, async (url) => {
        const events = await all(readEvents(url));
        assert.deepEqual(
          events.map((event) => event.type),
          ["thought", "step", "log", "thought", "done"],
        );
        assert.deepEqual(events, JSON.parse(JSON.stringify(given)));
        const [first, step] = events;
        assert.equal(first.text, "Comparing “two” offers");
        assert.deepEqual(JSON.parse(first.raw), first.data);
        assert.equal(first.messageId, first.id);
        assert.equal(step.data.url, "https://shop.example/");
      });
    }));

  test(`${name}: a browser that is gone cancels what the route owns`, () =>
    playing(STANDING, async (client, emulator) => {
      const order = [];
      const answer = async (_request, signal) => {
        const session = await client.sessions.create();
        const task = await session.startTask("Find a mug");
        const owns = [task, () => order.push("between"), session];
        return toSse(task, { signal, owns });
      };
      await answering(server, answer, async (url) => {
        for await (const event of readEvents(url)) {
          assert.equal(event.type, "thought");
          break;
        }
        await until(() => emulator.sessionCount === 0);
        await until(() => emulator.openStreams === 0);
        assert.equal(emulator.requests({ path: "/v1/sessions/*/cancel" }).length, 1);
        assert.deepEqual(order, ["between"]);
      });
    }));
}

test("g01 a browser goes on after its last event, and the task is sent once", () =>
  playing(STEPS, async (client, emulator) => {
    const session = await client.sessions.create();
    let asked = 0;
    const server = (answer) =>
      serve(async (request, response) => {
        const { body, headers } = await answer(request);
        response.writeHead(200, headers);
        let events = 0;
        for await (const chunk of body) {
          response.write(chunk);
          events += Buffer.from(chunk).includes("data:") ? 1 : 0;
          // After two events the connection breaks, in the middle of a frame.
          if (events === 2) {
            await new Promise((resolve) => response.write("id: x\ndata: {", resolve));
            response.destroy();
            break;
          }
        }
        response.end();
      });
    const answer = async (request) => {
      asked += 1;
      const handle = resumeHandle(request, SECRET);
      const task =
        handle === null ? await session.startTask("Find a mug") : await client.resume(handle);
      return toSse(task, { secret: SECRET });
    };
    await answering(server, answer, async (url) => {
      const events = readEvents(url, { method: "POST", body: "Find a mug" });
      const read = await all(events);
      assert.deepEqual(
        read.map((event) => event.type),
        ["thought", "step", "log", "thought", "done"],
      );
      assert.equal(asked, 3);
      assert.equal(sent(emulator), 1);
      // A page that is loaded again, and has all of it.
      const lastEventId = events.lastEventId;
      assert.deepEqual(await all(readEvents(url, { lastEventId })), []);
    });
  }));

test("g03 without an id the same request is not sent again", () =>
  playing(STEPS, async (client, emulator) => {
    const session = await client.sessions.create();
    let asked = 0;
    const server = (answer) =>
      serve(async (request, response) => {
        asked += 1;
        const { body, headers } = await answer(request);
        response.writeHead(200, headers);
        for await (const chunk of body) {
          response.write(chunk);
          if (Buffer.from(chunk).includes("data:")) break;
        }
        response.end();
      });
    const answer = async () => toSse(await session.startTask("Find a mug"));
    await answering(server, answer, async (url) => {
      const events = readEvents(url, { method: "POST" });
      await assert.rejects(all(events), {
        name: "SseError",
        message: "The stream ended before the task did.",
        status: null,
      });
      assert.equal(events.lastEventId, null);
      assert.deepEqual([asked, sent(emulator)], [1, 1]);
    });
  }));

test("a task that is silent gives comments, and a session is deleted before the response ends", () =>
  playing(
    [{ thought: "Looking" }, { wait_for_message: true }, { done: "It is 9.90" }],
    (client, emulator) => {
      let task;
      const answer = async () => {
        const session = await client.sessions.create();
        task = await session.startTask("Find a mug");
        return toSse(task, { heartbeat: 5, owns: [task, session] });
      };
      return answering(servers.node, answer, async (url) => {
        const response = await fetch(url);
        assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
        assert.equal(response.headers.get("cache-control"), "no-cache, no-transform");
        assert.equal(response.headers.get("x-accel-buffering"), "no");
        let text = "";
        let told = false;
        for await (const chunk of response.body) {
          text += Buffer.from(chunk);
          const comments = text.split("\n\n").filter((part) => part === ":").length;
          if (comments < 4 || told) continue;
          assert.match(text, /^:\n\n/);
          told = true;
          await task.sendMessage("Go on");
        }
        assert.match(text, /"done"[\s\S]*event: end\ndata: \{\}\n\n$/);
        assert.doesNotMatch(text, /^(id|event: (?!end)).*/m);
        assert.equal(emulator.sessionCount, 0);
        assert.equal(emulator.requests({ path: "/v1/sessions/*/cancel" }).length, 0);
      });
    },
  ));

test("the time of an event comes as a text, beside when it was received", () =>
  playing([{ thought: "Looking" }, { wait_for_message: true }, { done: "Done" }], (client) => {
    let task;
    const answer = async () => {
      const session = await client.sessions.create();
      task = await session.startTask("Find a mug");
      return toSse(task);
    };
    return answering(servers.node, answer, async (url) => {
      const seen = {};
      for await (const event of readEvents(url)) {
        seen[event.type] = event;
        assert.match(event.receivedAt, /^\d{4}-.*Z$/);
        if (event.type === "thought") await task.pause();
        if (event.type === "paused") await task.resume();
        if (event.type === "resumed") await task.sendMessage("Go on");
      }
      assert.match(seen.paused.timestamp, /^\d{4}-.*Z$/);
      assert.ok(!("timestamp" in seen.thought));
      assert.equal(seen.done.text, "Done");
    });
  }));

test("by default a task outlives its browser", () =>
  playing(STANDING, async (client, emulator) => {
    const session = await client.sessions.create();
    const gone = new AbortController();
    const sse = toSse(await session.startTask("Find a mug"), { signal: gone.signal });
    const reader = sse.body.getReader();
    await reader.read();
    await reader.read();
    const waits = reader.read();
    gone.abort();
    assert.deepEqual(await waits, { done: true, value: undefined });
    await until(() => emulator.openStreams === 0);
    assert.equal(getEventListeners(gone.signal, "abort").length, 0);
    assert.equal(await session.executionStatus(), "running");
    // A request whose client left before it was answered.
    const late = toSse(await client.resume((await session.switchTo("Look")).handle()), {
      signal: gone.signal,
    });
    assert.deepEqual(await late.body.getReader().read(), { done: true, value: undefined });
    await until(() => emulator.openStreams === 0);
  }));

test("a turn comes with its times as texts, and is stopped with its browser", () =>
  Emulator.start({
    stepDelay: 0,
    scenario: { turns: [{ steps: [{ text: "One" }, { delay: 3600 }] }] },
  }).then((emulator) =>
    using(emulator, () =>
      using(emulator.raccoon(), async (client) => {
        let turn;
        const answer = async (request) => {
          const handle = resumeHandle(request, SECRET);
          turn = handle ? await client.resume(handle) : await client.session().startTurn("Tell me");
          return toSse(turn, { secret: SECRET, owns: [turn] });
        };
        await answering(servers.node, answer, async (url) => {
          const events = readEvents(url);
          for await (const event of events) {
            assert.match(event.timestamp, /^\d{4}-\d\d-\d\dT/);
            if (event.type === "text") break;
          }
          const again = await all(readEvents(url, { lastEventId: events.lastEventId }));
          assert.deepEqual(
            again.map((event) => event.type),
            ["task.aborted"],
          );
        });
        assert.equal((await turn.result()).status, "aborted");
      }),
    ),
  ));

test("a stream that fails says so, and what it owns ends with it", async () => {
  const released = [];
  const source = {
    async *[Symbol.asyncIterator]() {
      yield { type: "thought", id: 1, text: "Looking" };
      throw new StreamError("The session is gone", { code: "session_gone" });
    },
  };
  const answer = async () =>
    toSse(source, {
      owns: [
        () => released.push("function"),
        () => Promise.reject(new Error("not this one")),
        { [Symbol.asyncDispose]: async () => released.push("later") },
        { [Symbol.dispose]: () => released.push("at once") },
      ],
    });
  const warned = once(process, "warning");
  await answering(servers.node, answer, async (url) => {
    const events = [];
    const reading = (async () => {
      for await (const event of readEvents(url)) events.push(event.text);
    })();
    await assert.rejects(reading, {
      name: "SseError",
      code: "session_gone",
      message: "StreamError: The session is gone",
    });
    assert.deepEqual(events, ["Looking"]);
    await until(() => released.length === 3);
    assert.deepEqual(released, ["function", "later", "at once"]);
  });
  assert.match((await warned)[0].message, /could not be released: not this one/);
});

test("input that cannot work is refused by its name", async () => {
  const source = { async *[Symbol.asyncIterator]() {} };
  for (const [make, message] of [
    [() => toSse(undefined), /`source` has no events\. Pass a task/],
    [() => toSse(source, { heartbeat: 0 }), /`heartbeat` must be a positive number .* not 0/],
    [
      () => toSse(source, { secret: "short" }),
      /`secret` must be a text of at least 16 characters, not one of 5/,
    ],
    [() => toSse(source, { owns: [{}] }), /`owns` has something that cannot be released/],
    [() => toSse(source, { own: [] }), /There is no option `own`\. Did you mean `owns`\?/],
    [() => toSse(source, { signal: {} }), /`signal` is not an AbortSignal/],
    [() => resumeHandle("sw1.abc.def", SECRET), /was not given out with this `secret`/],
    [() => resumeHandle("12", SECRET), /was not given out with this `secret`/],
    [() => resumeHandle("x", undefined), /`secret` must be a text .* not undefined/],
    [() => resumeHandle({}, SECRET), /`from` has no headers/],
  ]) {
    assert.throws(make, (error) => {
      assert.ok(error instanceof InvalidRequestError, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
  for (const nothing of [null, undefined, "", { headers: new Headers() }, { headers: {} }]) {
    assert.equal(resumeHandle(nothing, SECRET), null);
  }
});

test("an id is good for the secret that it was given out with, and as it was", () =>
  playing(STANDING, async (client) => {
    const session = await client.sessions.create();
    const task = await session.startTask("Find a mug");
    const reader = toSse(task, { secret: SECRET }).body.getReader();
    await reader.read();
    const [, id] = /^id: (.*)$/m.exec(Buffer.from((await reader.read()).value).toString());
    await reader.cancel();
    const handle = task.handle();
    for (const from of [
      id,
      new Request("http://localhost/", { headers: { "Last-Event-ID": id } }),
      { headers: { "last-event-id": id } },
    ]) {
      assert.equal(resumeHandle(from, SECRET), handle);
    }
    assert.match(id, /^[\w.-]+$/);
    const other = `${handle.slice(0, -1)}${handle.endsWith("A") ? "B" : "A"}`;
    for (const forged of [handle, id.slice(0, -1), `${id}A`, id.replace(handle, other)]) {
      assert.throws(() => resumeHandle(forged, SECRET), InvalidRequestError, forged);
    }
    assert.throws(() => resumeHandle(id, `${SECRET}!`), InvalidRequestError);
    await session.delete();
  }));

/** What the reader makes of these chunks. */
async function reading(chunks, options = {}, headers = { "content-type": "text/event-stream" }) {
  const server = await serve(async (_request, response) => {
    response.writeHead(options.status ?? 200, headers);
    for (const chunk of chunks) await new Promise((resolve) => response.write(chunk, resolve));
    response.end();
  });
  try {
    return await all(readEvents(server.url));
  } finally {
    await server.close();
  }
}

test("the reader knows the grammar, wherever the bytes are cut", async () => {
  const text =
    '\ufeff: hello\r\n\r\nretry: 1\rdata:{"a":\r\ndata: "ä€😀"}\r\n\r\nid\nevent: other\ndata: x\n\n' +
    "data\ndata: 2\ndata\n\nevent: end\ndata: {}\n\ndata: 3\n\n";
  const bytes = Buffer.from(text);
  const expected = [{ a: "ä€😀" }, 2];
  assert.deepEqual(await reading([bytes]), expected);
  assert.deepEqual(await reading(Array.from(bytes, (byte) => Buffer.from([byte]))), expected);
  for (const cut of [1, 2, 5, 14, 15, 16, 17, 33, 34]) {
    const parts = [bytes.subarray(0, cut), bytes.subarray(cut)];
    assert.deepEqual(await reading(parts), expected, String(cut));
  }
});

test("what is no stream of events is said", async () => {
  const html = { "content-type": "text/html" };
  await assert.rejects(reading(["<p>Hello</p>"], {}, html), {
    name: "SseError",
    message: /with text\/html and not with text\/event-stream[\s\S]*<p>Hello/,
  });
  await assert.rejects(reading(["No key"], { status: 401 }, html), {
    status: 401,
    message: "The route answered 401: No key",
  });
  await assert.rejects(reading(["data: {\n\n"]), { message: /is no event: \{/ });
  assert.deepEqual(await reading([], { status: 204 }, {}), []);
  const nobody = "http://127.0.0.1:9/";
  await assert.rejects(all(readEvents(nobody)), {
    name: "SseError",
    message: /connection .* broke/,
  });
});

test("a silent connection is opened again, and a signal ends what waits", async () => {
  const asked = [];
  const server = await serve((request, response) => {
    asked.push(request.headers["last-event-id"]);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`id: ${asked.length}\ndata: ${asked.length}\n\n`);
    if (asked.length === 3) response.end("event: end\ndata: {}\n\n");
  });
  try {
    assert.deepEqual(await all(readEvents(server.url, { idleTimeout: 50 })), [1, 2, 3]);
    assert.deepEqual(asked, [undefined, "1", "2"]);

    const stop = new AbortController();
    const events = readEvents(server.url, { signal: stop.signal });
    const seen = [];
    const loop = (async () => {
      for await (const event of events) {
        seen.push(event);
        setImmediate(() => stop.abort(new Error("enough")));
      }
    })();
    await assert.rejects(loop, { message: "enough" });
    assert.deepEqual(seen, [4]);
    assert.equal(getEventListeners(stop.signal, "abort").length, 0);

    const closed = readEvents(server.url);
    for await (const event of closed) {
      assert.equal(event, 5);
      setImmediate(() => closed.close());
    }
  } finally {
    await server.close();
  }
});

test("100 streams that are left keep nothing", () =>
  playing(STANDING, async (client, emulator) => {
    const session = await client.sessions.create();
    const gone = new AbortController();
    EventEmitter.setMaxListeners(0, gone.signal);
    const task = await session.startTask("Find a mug");
    const { signal } = gone;
    for (let n = 0; n < 100; n += 1) {
      const reader = toSse(await client.resume(task.handle()), { signal }).body.getReader();
      await reader.read();
      await reader.read();
      await reader.cancel();
    }
    assert.equal(getEventListeners(signal, "abort").length, 0);
    await task.close();
    await until(() => emulator.openStreams === 0);
  }));

test("a client that vanishes without a word is noticed by the next comment", () =>
  playing(STANDING, async (client, emulator) => {
    const answer = async () => {
      const session = await client.sessions.create();
      return toSse(await session.startTask("Find a mug"), { heartbeat: 5, owns: [session] });
    };
    await answering(servers.node, answer, async (url) => {
      const socket = connect(new URL(url).port, "127.0.0.1");
      socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
      await until(() => emulator.openStreams === 1);
      socket.resetAndDestroy();
      await until(() => emulator.sessionCount === 0);
    });
  }));
