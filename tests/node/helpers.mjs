// What several test files need.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** Waits until `condition` holds; fails loudly when it does not within 10 s. */
export async function until(condition, what = condition.toString()) {
  const end = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`did not happen within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
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

/** Runs Node with these arguments; gives exit code, output and the time it took. */
export async function node(args, { env = {}, timeout = 20_000, input } = {}) {
  const { AGI_API_KEY: _, AGI_BASE_URL: __, ...rest } = process.env;
  const start = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: root,
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
export async function rawStream(body) {
  let served = false;
  const server = createServer((request, response) => {
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
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
