// What several test files need.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSocketServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SessionwireError } from "sessionwire";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** Waits until `condition` holds; fails loudly when it does not within 30 s. */
export async function until(condition, what = condition.toString()) {
  const end = performance.now() + 30_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`did not happen within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * Options of a run with a time limit that is up after the first event, however slow the machine is;
 * `t` is the context of the test.
 */
export function timeUp(t, timeout, { onEvent } = {}) {
  t.mock.timers.reset();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  return {
    timeout,
    onEvent(event) {
      // The run waits for this callback or for the next event by then.
      setImmediate(() => {
        t.mock.timers.tick(timeout);
        t.mock.timers.reset();
      });
      return onEvent?.(event);
    },
  };
}

/** Everything that an async iterable gives. */
export async function all(iterable) {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
}

/** A scenario of one script for every task. */
export function script(...steps) {
  return { tasks: [{ steps }] };
}

/** `await using`, which Node 20 cannot parse. */
export async function using(resource, work) {
  try {
    return await work(resource);
  } finally {
    await resource[Symbol.asyncDispose]();
  }
}

/** What runs the programs of a test: this runtime, or the one that tests/runtimes/run.py names. */
export const runtime = JSON.parse(process.env.SESSIONWIRE_TEST_RUNTIME ?? "null") ?? [
  process.execPath,
];

/** A program in a file: not every runtime takes a module from its command line. */
export function programFile(code) {
  const folder = join(root, "target/programs");
  mkdirSync(folder, { recursive: true });
  const digest = createHash("sha256").update(code).digest("hex").slice(0, 16);
  const file = join(folder, `${digest}.mjs`);
  // Tests that run at once write the same.
  const own = `${file}.${process.pid}`;
  writeFileSync(own, code);
  renameSync(own, file);
  return file;
}

/**
 * Runs Node with these arguments; gives exit code, output, and the time that it took to end after
 * the first output.
 */
export function node(args, options) {
  return ran([process.execPath, ...args], options);
}

/** The same for a program, in what runs the programs of a test. */
export function runProgram(code, options) {
  return ran([...runtime, programFile(code)], options);
}

async function ran([command, ...args], { env = {}, timeout = 60_000, input, cwd = root } = {}) {
  const { AGI_API_KEY: _, AGI_BASE_URL: __, ...rest } = process.env;
  let start = performance.now();
  const child = spawn(command, args, {
    cwd,
    env: { ...rest, ...env },
    timeout,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  child.stdout.once("data", () => {
    start = performance.now();
  });
  child.stdin.end(input);
  const [code, signal] = await once(child, "close");
  return { code, signal, stdout, stderr, milliseconds: performance.now() - start };
}

/** A server of the test's own on loopback: `handle(request, response)`. */
export async function serve(handle) {
  const server = createServer(handle);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** A service whose only session has this event stream. */
export function serveEvents(body) {
  return serve((request, response) => {
    if (request.url.includes("/events")) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(body);
    } else {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ messages: [], status: "finished", has_agent: true }));
    }
  });
}

/** A server whose first stream is exactly these bytes; everything after it is gone (404). */
export function rawStream(body) {
  let served = false;
  return serve((request, response) => {
    if (!request.url.includes("/events") || served) {
      response.writeHead(404, { "content-type": "application/json" });
      response.end('{"detail": "Session not found"}');
      return;
    }
    served = true;
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "content-length": body.length,
    });
    response.end(body);
  });
}

/**
 * A server whose stream of `last` events notes when the reader holds it back: `held` gives how
 * many bytes were written until the socket took nothing more for a second; then it waits for
 * `goOn()`.
 */
export async function flood(last) {
  const held = withResolvers();
  const goOn = withResolvers();
  const server = createSocketServer(async (socket) => {
    socket.on("error", () => {});
    await once(socket, "data");
    socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n");
    const text = "x".repeat(1000);
    let written = 0;
    for (let number = 1; number <= last && !socket.destroyed; number += 1) {
      const data = JSON.stringify({ text, message_id: number });
      const event = `event: log\nid: ${number}\ndata: ${data}\n\n`;
      written += event.length;
      if (socket.write(event)) continue;
      const signal = AbortSignal.timeout(1000);
      await once(socket, "drain", { signal }).catch(async () => {
        held.resolve(written);
        await goOn.promise;
        if (socket.writableNeedDrain)
          await Promise.race([once(socket, "drain"), once(socket, "close")]);
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    held: held.promise,
    goOn: goOn.resolve,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** What agrees to a WebSocket (RFC 6455, section 1.3). */
export function webSocketAnswer(key) {
  const text = `${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash("sha1").update(text).digest("base64");
  return (
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n" +
    `sec-websocket-accept: ${accept}\r\n\r\n`
  );
}

/** A message as one text frame of a server. */
export function webSocketFrame(message) {
  const payload = Buffer.from(JSON.stringify(message));
  const { length } = payload;
  const size = length < 126 ? [length] : [126, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([0x81, ...size]), payload]);
}

/** The same as `flood` for a turn, which has `last` events and then ends: over a WebSocket. */
export async function turnFlood(last) {
  const held = withResolvers();
  const goOn = withResolvers();
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ agent_message_id: "m", status: "running" }));
  });
  server.on("upgrade", async (request, socket) => {
    socket.on("error", () => {});
    socket.once("end", () => socket.end());
    socket.resume();
    socket.write(webSocketAnswer(request.headers["sec-websocket-key"]));
    const thought = "x".repeat(1000);
    let written = 0;
    for (let number = 1; number <= last && !socket.destroyed; number += 1) {
      const event = { event_id: number, kind: "thought", message_id: "m", payload: { thought } };
      if (number === last - 1) Object.assign(event, { kind: "text", payload: { text: "done" } });
      if (number === last) Object.assign(event, { kind: "task.completed", payload: {} });
      const frame = webSocketFrame(event);
      written += frame.length;
      if (socket.write(frame)) continue;
      const signal = AbortSignal.timeout(1000);
      await once(socket, "drain", { signal }).catch(async () => {
        held.resolve(written);
        await goOn.promise;
        if (socket.writableNeedDrain)
          await Promise.race([once(socket, "drain"), once(socket, "close")]);
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    held: held.promise,
    goOn: goOn.resolve,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

const contract = new URL("../contract/", import.meta.url);

/** A file of tests/contract/. */
export function contractFile(file) {
  return JSON.parse(readFileSync(new URL(file, contract), "utf8"));
}

/** The cases of a file of tests/contract/, and those that the files of the endpoints have for it. */
export function cases(file, group = "cases") {
  const found = contractFile(file)[group] ?? [];
  if (group === "cases") {
    for (const endpoint of readdirSync(new URL("endpoints/", contract)).sort()) {
      found.push(...(contractFile(`endpoints/${endpoint}`)[file.replace(/\.json$/, "")] ?? []));
    }
  }
  assert.ok(Object.keys(found).length > 0, `${file} has no ${group}`);
  return found;
}

/** A value of a case: as it stands, or a long text described. */
export function value(described) {
  // What is not there is undefined here, not null.
  if (typeof described?.repeat !== "string") return described ?? undefined;
  return (described.prefix ?? "") + described.repeat.repeat(described.count);
}

/** The names of this language. */
export function camel(text) {
  return text.replace(/([a-z])_([a-z])/g, (_, before, after) => before + after.toUpperCase());
}

export function camelKeys(args) {
  return Object.fromEntries(Object.entries(args).map(([name, arg]) => [camel(name), value(arg)]));
}

/** The class by its name, every field, and the parts of the text. */
export function check(error, expect) {
  assert.ok(error instanceof SessionwireError, String(error));
  assert.equal(error.constructor.name, expect.name, error.message);
  const { name: _, text = [], message, retry_after, code, ...fields } = expect;
  for (const part of text) {
    assert.ok(error.message.includes(camel(part)), `${error.message} lacks ${camel(part)}`);
  }
  if (message !== undefined) assert.equal(error.detail, message);
  if (code !== undefined) assert.equal(error.code, code);
  if (retry_after !== undefined) {
    assert.equal(error.retryAfter, retry_after === null ? null : retry_after * 1000);
  }
  for (const [field, wanted] of Object.entries(fields)) {
    // A field that a class does not have says as much as one that is empty.
    assert.equal(error[camel(field)] || null, wanted || null, field);
  }
}

export async function failure(work) {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: "nothing was thrown" });
}

/** `Promise.withResolvers`, which Node 20 does not have. */
export function withResolvers() {
  const parts = {};
  parts.promise = new Promise((resolve) => {
    parts.resolve = resolve;
  });
  return parts;
}
