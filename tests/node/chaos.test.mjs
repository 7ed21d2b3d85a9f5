// Streams cut at arbitrary bytes: nothing is lost or repeated. `make chaos` is the long run.

import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "./chaos.mjs";
import { modes, run as runTurns } from "./turn-chaos.mjs";

test("g01: any cut loses nothing and repeats nothing", async () => {
  const { lost, repeated, outOfOrder } = await run(3_000, 150, { workers: 6, seed: 7 });
  assert.deepEqual({ lost, repeated, outOfOrder }, { lost: 0, repeated: 0, outOfOrder: 0 });
});

for (const mode of modes) {
  test(`g01: any cut of a turn loses nothing and repeats nothing: ${mode.name}`, async () => {
    const { lost, repeated, outOfOrder, cuts } = await runTurns(mode, 20);
    assert.deepEqual({ lost, repeated, outOfOrder }, { lost: 0, repeated: 0, outOfOrder: 0 });
    assert.ok(cuts >= 20);
  });
}
