// The chaos run in Node: tasks through a proxy that cuts their streams at random bytes.
// tests/chaos/plan.json says what and how; `node tests/node/chaos.mjs EVENTS CUTS` runs until there
// were so many.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Agi, Emulator } from "sessionwire";

const root = fileURLToPath(new URL("../../", import.meta.url));
const plan = JSON.parse(readFileSync(join(root, "tests/chaos/plan.json"), "utf8"));
const proxy = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug/sessionwire-chaos");

/** The proxy, as a process of its own. */
class Cutter {
  static async start(server, seed, how) {
    if (!existsSync(proxy)) {
      throw new Error(`${proxy} is missing. Build it with \`make chaos-dev\`, then try again.`);
    }
    const cutter = new Cutter();
    cutter.process = spawn(proxy, ["proxy", server, String(seed), String(plan.longest), how], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    cutter.lines = createInterface({ input: cutter.process.stdout });
    [cutter.url] = await once(cutter.lines, "line");
    cutter.waiting = [];
    cutter.lines.on("line", (line) => cutter.waiting.shift()(line.split(" ").map(Number)));
    return cutter;
  }

  /** The streams that were opened, and those that were cut. */
  counts() {
    this.process.stdin.write("\n");
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  async close() {
    this.process.stdin.end();
    await once(this.process, "close");
  }
}

/** What a task brought, added to the figures. */
function count(figures, ids) {
  const seen = new Set();
  let highest = 0;
  for (const id of ids) {
    if (id < highest && !seen.has(id)) figures.outOfOrder += 1;
    seen.add(id);
    highest = Math.max(highest, id);
  }
  figures.events += ids.length;
  figures.repeated += ids.length - seen.size;
  for (let id = 2; id <= plan.last_id; id += 1) if (!seen.has(id)) figures.lost += 1;
}

/** Runs tasks until there were so many events and cuts; the figures. */
export async function run(events, cuts, { workers = plan.workers, seed = 1 } = {}) {
  const start = performance.now();
  const figures = { events: 0, lost: 0, repeated: 0, outOfOrder: 0 };
  const places = [];
  for (const honourLastEventId of [false, true]) {
    const emulator = await Emulator.start({
      scenario: { tasks: [{ steps: plan.steps }] },
      honourLastEventId,
      stepDelay: 0,
    });
    const how = honourLastEventId ? "resumes" : "replays";
    const cutter = await Cutter.start(emulator.url, seed, how);
    const client = new Agi({ baseUrl: cutter.url, apiKey: emulator.apiKey });
    places.push({ emulator, cutter, client });
  }
  const totals = async () => {
    const counts = await Promise.all(places.map(({ cutter }) => cutter.counts()));
    return { streams: counts[0][0] + counts[1][0], cuts: counts[0][1] + counts[1][1] };
  };
  const worker = async ({ client }) => {
    do {
      const session = await client.sessions.create();
      const task = await session.startTask("go");
      const ids = [];
      for await (const event of task) ids.push(event.id);
      assert.equal((await task.result()).text, plan.result);
      await session.delete();
      count(figures, ids);
    } while (figures.events < events || (await totals()).cuts < cuts);
  };
  try {
    await Promise.all(Array.from({ length: workers }, (_, n) => worker(places[n % 2])));
    return { ...figures, ...(await totals()), seconds: (performance.now() - start) / 1000 };
  } finally {
    for (const { emulator, cutter, client } of places) {
      await client.close();
      await cutter.close();
      await emulator.close();
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [events, cuts] = process.argv.slice(2).map(Number);
  const got = await run(events, cuts);
  console.log(
    `node: ${got.events} events, ${got.cuts} cuts of ${got.streams} streams: ${got.lost} lost, ` +
      `${got.repeated} repeated, ${got.outOfOrder} out of order (${got.seconds.toFixed(1)} s)`,
  );
  process.exitCode = got.lost + got.repeated + got.outOfOrder > 0 ? 1 : 0;
}
