// Streams that are opened and given up, again and again: no listener, descriptor or memory stays, and a
// program ends at once after its last close. `make soak` runs it.
//
//   node --expose-gc tests/node/soak-aborts.mjs STREAMS ROUNDS

import { spawn } from "node:child_process";
import { getEventListeners, once } from "node:events";
import { Agi } from "sessionwire";
import { until } from "./helpers.mjs";
import {
  descriptors,
  lines,
  megabytes,
  resident,
  root,
  say,
  startService,
} from "./soak-service.mjs";

/** Rounds before anything is measured. */
const WARM = 10;

/** Opens so many streams, reads from each, and gives them up: by their own signal, by close, by a loop's end. */
async function round(client, streams, lasting) {
  const own = new AbortController();
  const open = Array.from({ length: streams }, (_, at) => {
    const signal = at % 2 === 0 ? own.signal : lasting;
    return client.sessions.attach("open").events({ signal });
  });
  await Promise.all(open.map((stream) => stream.next()));
  // They wait for what does not come.
  const reads = open.map((stream) => stream.next().then(String, String));
  own.abort(new Error("enough"));
  await Promise.all(open.map((stream, at) => (at % 4 === 1 ? stream.return() : stream.close())));
  const ends = await Promise.all(reads);
  const aborted = ends.filter((end) => end === "Error: enough").length;
  if (aborted !== Math.ceil(streams / 2)) throw new Error(`${aborted} ended by their signal`);
  return own.signal;
}

/** What is left of `rounds` of `streams` streams; memory in bytes after the warm-up and at the end. */
export async function run(url, streams, rounds, warm = WARM) {
  const client = new Agi({ baseUrl: url, apiKey: "key" });
  const lasting = new AbortController().signal;
  const warnings = [];
  const warned = (warning) => warnings.push(warning.message);
  process.on("warning", warned);
  const ofProcess = () =>
    process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
  let listeners = 0;
  const before = { files: 0, memory: 0, ofProcess: 0 };
  for (let number = 0; number < warm + rounds; number += 1) {
    if (number === warm) {
      Object.assign(before, { files: descriptors(), memory: resident(), ofProcess: ofProcess() });
    }
    const own = await round(client, streams, lasting);
    listeners += getEventListeners(own, "abort").length;
  }
  listeners += getEventListeners(lasting, "abort").length + ofProcess() - before.ofProcess;
  await client.close();
  await until(() => descriptors() <= before.files, "the descriptors are closed");
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", warned);
  const files = descriptors() - before.files;
  return { listeners, files, warnings, before: before.memory, memory: resident() };
}

const CLOSING = `
  import { Agi } from "sessionwire";
  const [, url, streams] = process.argv;
  const client = new Agi({ baseUrl: url, apiKey: "key" });
  const open = Array.from({ length: Number(streams) }, () => client.sessions.attach("open").events());
  await Promise.all(open.map((stream) => stream.next()));
  const reads = open.map((stream) => stream.next());
  await Promise.all(open.map((stream) => stream.close()));
  await Promise.all(reads);
  console.log("closed");
`;

/** Milliseconds from the last close of a program to its end. */
export async function ending(url, streams) {
  const args = ["--input-type=module", "-e", CLOSING, url, String(streams)];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const said = lines(child);
  if ((await said.next()).value !== "closed") throw new Error("it failed");
  const closed = performance.now();
  const [code] = await ended;
  if (code !== 0) throw new Error(`it ended with ${code}`);
  return performance.now() - closed;
}

async function main(streams, rounds) {
  const service = await startService();
  try {
    const { listeners, files, warnings, before, memory } = await run(service.url, streams, rounds);
    say(
      `${streams} streams opened and given up ${rounds} times: ${listeners} listeners and ${files} ` +
        `descriptors more, ${warnings.length} warnings, ${megabytes(before)} MB before and ` +
        `${megabytes(memory)} MB after`,
      listeners > 0 || files > 0 || warnings.length > 0 || memory - before > 5e6,
    );
    const times = [];
    for (let time = 0; time < 20; time += 1) times.push(await ending(service.url, streams));
    const late = times.filter((time) => time > 100).length;
    say(
      `a program with ${streams} streams ends after its last close: within 100 ms ${20 - late} of 20 ` +
        `times, ${Math.max(...times).toFixed(0)} ms at most`,
      late > 0,
    );
  } finally {
    await service.close();
  }
}

if (process.argv[1]?.endsWith("soak-aborts.mjs")) {
  await main(Number(process.argv[2]), Number(process.argv[3]));
}
