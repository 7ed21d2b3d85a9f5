// The chaos run of turns in Node: sockets cut at random, in each way the service may resume.
// tests/chaos/turns.json says what and how; `node tests/node/turn-chaos.mjs CUTS` runs turns until
// there were so many cuts in each mode.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Emulator } from "sessionwire";

const plan = JSON.parse(readFileSync(new URL("../chaos/turns.json", import.meta.url), "utf8"));
export const { modes } = plan;

/** Numbers from 1 to `most`, the same in every run. */
function* numbers(seed, most) {
  for (let state = seed; ; ) {
    state = (state * 48_271) % 2_147_483_647;
    yield 1 + (state % most);
  }
}

/** What a turn brought, added to the figures. */
function count(figures, ids) {
  const seen = new Set();
  let highest = 0;
  for (const id of ids) {
    if (id < highest && !seen.has(id)) figures.outOfOrder += 1;
    seen.add(id);
    highest = Math.max(highest, id);
  }
  figures.turns += 1;
  figures.events += ids.length;
  figures.repeated += ids.length - seen.size;
  for (let id = 1; id <= plan.last_id; id += 1) if (!seen.has(id)) figures.lost += 1;
}

/** The emulator's options in JavaScript's spelling. */
const options = (emulator) =>
  Object.fromEntries(
    Object.entries(emulator).map(([name, value]) => [
      name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()),
      value,
    ]),
  );

/** Runs turns in this mode until there were so many cuts; the figures. */
export async function run(mode, wanted, seed = 1) {
  const start = performance.now();
  const figures = { turns: 0, events: 0, cuts: 0, lost: 0, repeated: 0, outOfOrder: 0 };
  const jumps = numbers(seed, plan.between - 1);
  const emulator = await Emulator.start({
    scenario: { turns: [{ steps: plan.steps, once: false }] },
    stepDelay: 0,
    ...options(mode.emulator),
  });
  const client = emulator.raccoon();
  try {
    while (figures.cuts < wanted) {
      for (let cut = 0; cut < plan.cuts; cut += 1) {
        // What is sent again counts too.
        const sent = mode.replays ? cut * (plan.between - 1) : 0;
        emulator.fail({ on: "socket", cut_after: sent + jumps.next().value });
      }
      const session = client.session();
      const turn = await session.startTurn("go");
      const ids = [];
      for await (const event of turn) ids.push(event.id);
      assert.equal((await turn.result()).status, "completed");
      count(figures, ids);
      // Each but the last of a turn's sockets was cut.
      const path = `/ws/sessions/${session.sessionId}*`;
      figures.cuts += emulator.requests({ path }).length - 1;
      await session.delete();
    }
    return { ...figures, seconds: (performance.now() - start) / 1000 };
  } finally {
    await client.close();
    await emulator.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const mode of modes) {
    const got = await run(mode, Number(process.argv[2]));
    console.log(
      `node, turns, ${mode.name}: ${got.events} events of ${got.turns} turns, ${got.cuts} cuts: ` +
        `${got.lost} lost, ${got.repeated} repeated, ${got.outOfOrder} out of order (${got.seconds.toFixed(1)} s)`,
    );
    if (got.lost + got.repeated + got.outOfOrder > 0) process.exitCode = 1;
  }
}
