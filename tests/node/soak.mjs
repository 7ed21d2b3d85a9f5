// Long runs in Node: memory and descriptors, a flood, Ctrl-C, close. `make soak` runs it; it prints
// the figures and fails where one is over its limit. The service is a process of its own, so that
// all memory here is the client's; V8's young objects get 2 MB, or their room would grow and hide it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Agi } from "sessionwire";
import {
  descriptors,
  lines,
  megabytes,
  resident,
  root,
  say,
  startService,
} from "./soak-service.mjs";

const streams = 200;
const signals = 20;

// Waits for an event that never comes; says when it begins and when it was interrupted.
const waiting = `
  const { Agi } = require("sessionwire");
  (async () => {
    const client = new Agi({ baseUrl: process.argv[1], apiKey: "key" });
    for (let n = 0; n < Number(process.argv[2]); n += 1) {
      const controller = new AbortController();
      process.once("SIGINT", () => controller.abort());
      const stream = client.sessions.attach("open").events({ signal: controller.signal });
      await stream.next();
      console.log("waiting");
      await stream.next().catch(() => {});
      console.log(String(process.hrtime.bigint()));
    }
    await client.close();
  })();
`;

/** Does the work so often: memory and descriptors after the warm-up, in the middle, at the end. */
async function course(what, count, work) {
  const warm = Math.min(10_000, count / 5);
  const noted = [];
  const start = performance.now();
  for (let done = 0; done <= warm + count; done += 1) {
    await work();
    if ([0, Math.floor(count / 2), count].includes(done - warm)) {
      noted.push({ memory: resident(), files: descriptors() });
    }
  }
  const [first, middle, last] = noted;
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  say(
    `${count} ${what}: ${noted.map(({ memory }) => megabytes(memory)).join(", ")} MB; ` +
      `${first.files} descriptors before, ${last.files} after (${seconds} s)`,
    last.memory - first.memory > 5e6 ||
      last.memory - middle.memory > 3e6 ||
      last.files > first.files + 2,
  );
}

/** What a flood sent, once it stands still. */
async function rest(service) {
  let sent = -1;
  let since = performance.now();
  while (performance.now() - since < 1_000) {
    const now = await service.flooded();
    if (now !== sent) {
      sent = now;
      since = performance.now();
    }
    await sleep(50);
  }
  return sent;
}

async function interrupts(service) {
  const child = spawn(process.execPath, ["-e", waiting, service.url, String(signals)], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = lines(child);
  const times = [];
  for (let n = 0; n < signals; n += 1) {
    assert.equal((await said.next()).value, "waiting");
    await sleep(50); // until it waits
    const sent = process.hrtime.bigint();
    child.kill("SIGINT");
    times.push(Number(BigInt((await said.next()).value) - sent) / 1e6);
  }
  await once(child, "exit");
  times.sort((a, b) => a - b);
  const median = (times[signals / 2 - 1] + times[signals / 2]) / 2;
  say(
    `Ctrl-C in a wait: ${median.toFixed(1)} ms, the median of ${signals}; ${times.at(-1).toFixed(1)} ms at most`,
    median > 100,
  );
}

const service = await startService();
const count = Number(process.argv[2]);
let client = new Agi({ baseUrl: service.url, apiKey: "key" });
const session = client.sessions.attach("short");

await course("streams", count, async () => {
  const ids = [];
  for await (const event of session.events()) ids.push(event.id);
  assert.deepEqual(ids, [2, 3, 4, 5]);
});
await course("requests", count, async () => {
  assert.equal(await session.executionStatus(), "running");
});

const before = resident();
const flood = client.sessions.attach("flood").events();
await flood.next();
const sent = await rest(service);
const grown = resident() - before;
say(
  `a flood that nobody reads: ${megabytes(grown)} MB more, the server could send ${megabytes(sent)} MB`,
  grown > 20e6,
);
await flood.close();
await client.close();

await interrupts(service);

client = new Agi({ baseUrl: service.url, apiKey: "key" });
const open = Array.from({ length: streams }, () => client.sessions.attach("open").events());
await Promise.all(open.map((stream) => stream.next()));
const ends = open.map((stream) => stream.next().catch(() => {}));
const start = performance.now();
await client.close();
await Promise.all(ends);
const took = performance.now() - start;
say(`closing a client with ${streams} open streams: ${took.toFixed(0)} ms`, took > 250);
await service.close();
