// Long runs of Raccoon in Node: a large upload, many turns at the same time. `make soak` runs
// `soak-raccoon.mjs MEGABYTES TURNS`; it prints the figures and fails where one is over its limit.
// The service is a process of its own, so that all memory here is the client's.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Raccoon } from "sessionwire";

const root = fileURLToPath(new URL("../../", import.meta.url));
const program = join(
  process.env.CARGO_TARGET_DIR ?? join(root, "target"),
  "debug/sessionwire-soak",
);
const [megabytes, turns] = process.argv.slice(2).map(Number);
const size = megabytes * 1_000_000;
// An upload that is given up ends so many bytes after its begin, at the earliest.
const enough = 50_000_000;
// Events of each turn: two messages, a text, the thoughts, the end.
const eventsOfTurn = 104;

function say(text, over = false) {
  console.log(`node: ${text}${over ? "  <- OVER THE LIMIT" : ""}`);
  if (over) process.exitCode = 1;
}

const mb = (bytes) => (bytes / 1e6).toFixed(1);
const seconds = (milliseconds) => (milliseconds / 1000).toFixed(1);

/** From here on: the most memory above that of now, the processor's time, the time. */
function measure() {
  globalThis.gc?.();
  // The kernel's mark of the most memory begins anew.
  writeFileSync("/proc/self/clear_refs", "5");
  const before = process.memoryUsage.rss();
  const processor = process.cpuUsage();
  const start = performance.now();
  return {
    grown() {
      const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
      return Number(kilobytes) * 1024 - before;
    },
    processor() {
      const { user, system } = process.cpuUsage(processor);
      return (user + system) / 1000;
    },
    elapsed: () => performance.now() - start,
  };
}

async function upload(session, path) {
  const seen = [];
  const measured = measure();
  const file = await session.upload(path, { onProgress: ({ sent }) => seen.push(sent) });
  const grown = measured.grown();
  say(
    `an upload of ${megabytes} MB: ${mb(grown)} MB more at most, ${seen.length} times progress, ` +
      `the service has ${file.size / 1e6} MB (${seconds(measured.elapsed())} s)`,
    grown > 20e6 ||
      seen.length < 2 ||
      seen.some((sent, at) => at > 0 && sent <= seen[at - 1]) ||
      seen.at(-1) !== size ||
      file.size !== size,
  );
}

async function giveUp(session, path) {
  const controller = new AbortController();
  let stopped;
  let last;
  const measured = measure();
  const onProgress = ({ sent }) => {
    last = sent;
    if (sent < enough || stopped !== undefined) return;
    stopped = performance.now();
    controller.abort();
  };
  await assert.rejects(session.upload(path, { onProgress, signal: controller.signal }), {
    name: "AbortError",
  });
  const took = performance.now() - stopped;
  const grown = measured.grown();
  say(
    `an upload given up after ${mb(last)} MB: ${took.toFixed(0)} ms, ${mb(grown)} MB more at most`,
    took > 1000 || last >= size || grown > 20e6,
  );
}

async function turnsAtOnce(client) {
  const idle = measure();
  let ready = 0;
  let go;
  const together = new Promise((resolve) => {
    go = resolve;
  });
  let waiting;
  let running;
  await Promise.all(
    Array.from({ length: turns }, async () => {
      const turn = await client.session().startTurn("go");
      const ids = [];
      for await (const event of turn) {
        ids.push(event.id);
        if (event.type !== "text") continue;
        ready += 1;
        if (ready === turns) {
          waiting = idle.grown();
          running = measure();
          go();
        }
        await together;
        await turn.sendMessage("go on");
      }
      assert.deepEqual(
        ids,
        Array.from({ length: eventsOfTurn }, (_, at) => at + 1),
      );
      assert.equal((await turn.result()).status, "completed");
    }),
  );
  const grown = idle.grown();
  say(
    `${turns} turns at once: ${mb(waiting)} MB more while they wait ` +
      `(${(waiting / 1000 / turns).toFixed(0)} KB each), ${mb(grown)} MB at most; their ` +
      `${turns * eventsOfTurn} events in ${seconds(running.elapsed())} s, ` +
      `${seconds(running.processor())} s of a processor`,
    grown > 100e6,
  );
}

if (!existsSync(program)) {
  throw new Error(`${program} is missing. Build it with \`make chaos-dev\`, then try again.`);
}
const child = spawn(program, ["raccoon"], { stdio: ["pipe", "pipe", "inherit"] });
const [line] = await once(createInterface({ input: child.stdout }), "line");
const [baseUrl, apiKey] = line.split(" ");
const folder = mkdtempSync(join(tmpdir(), "sessionwire-"));
const client = new Raccoon({ baseUrl, apiKey });
try {
  const path = join(folder, "large.bin");
  writeFileSync(path, "");
  truncateSync(path, size); // sparse: it takes no room
  await upload(client.session(), path);
  await giveUp(client.session(), path);
  await turnsAtOnce(client);
} finally {
  await client.close();
  rmSync(folder, { recursive: true });
  child.stdin.end();
  await once(child, "exit");
}
