// A process that stood still: a connection that the service closed meanwhile gets no POST.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { root, until } from "./helpers.mjs";

const ROUNDS = 6;
// After a pause of 200 ms the client takes a connection for one that may be closed.
const PAUSE = 300;

const PROGRAM = `
import { createInterface } from "node:readline";
import { Agi } from "sessionwire";

const client = new Agi({ baseUrl: process.argv[1], apiKey: "some-key", maxRetries: 0 });
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
while (!(await lines.next()).done) {
  await client.sessions.list();
  console.log("idle");
  await lines.next();
  await client.sessions.create();
  console.log("created");
}
await client.close();
`;

/** A service of one connection at a time: it lists nothing, and creates sessions. */
async function service() {
  const state = { created: 0, answeredAt: 0, socket: undefined };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    state.socket = socket;
    let request = "";
    socket.on("error", () => {});
    socket.on("end", () => socket.destroy());
    socket.on("data", (chunk) => {
      request += chunk;
      const [head, sent] = request.split("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (sent === undefined || sent.length < length) return;
      let body = "[]";
      if (request.startsWith("POST")) {
        state.created += 1;
        body = JSON.stringify({ session_id: `s${state.created}`, status: "ready" });
      }
      request = "";
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
      state.answeredAt = performance.now();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { state, server, url: `http://127.0.0.1:${server.address().port}` };
}

/** Whether the other side's kernel knows that this socket was closed here: FIN_WAIT2. */
function finArrived({ localPort, remotePort }) {
  const hex = (port) => port.toString(16).toUpperCase().padStart(4, "0");
  const ports = new RegExp(`:${hex(localPort)} \\w+:${hex(remotePort)} 05 `);
  return ports.test(readFileSync("/proc/net/tcp", "utf8"));
}

/** Whether every thread of a process is stopped. */
function standsStill(pid) {
  return readdirSync(`/proc/${pid}/task`).every((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
  });
}

const skip = process.platform !== "linux" && "looks at /proc";
test("g03 a frozen process sends nothing into a closed connection", { skip }, async () => {
  const { state, server, url } = await service();
  const child = spawn(process.execPath, ["--input-type=module", "-e", PROGRAM, url], {
    cwd: root,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    for (let number = 1; number <= ROUNDS; number += 1) {
      child.stdin.write("list\n");
      assert.equal((await lines.next()).value, "idle");
      child.kill("SIGSTOP");
      await until(() => standsStill(child.pid), "it is stopped");
      const { localPort, remotePort } = state.socket;
      state.socket.end();
      await until(() => finArrived({ localPort, remotePort }), "the FIN arrived");
      child.stdin.write("create\n");
      await until(() => performance.now() - state.answeredAt > PAUSE, "a pause");
      child.kill("SIGCONT");
      assert.equal((await lines.next()).value, "created");
      assert.equal(state.created, number);
    }
    const ended = once(child, "exit");
    child.stdin.end();
    assert.deepEqual(await ended, [0, null]);
  } finally {
    child.kill("SIGKILL");
    server.close();
  }
});
