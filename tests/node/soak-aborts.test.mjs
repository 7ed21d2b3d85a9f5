// Streams that are given up leave nothing. `make soak` is the long run, with memory and times.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ending, run } from "./soak-aborts.mjs";
import { startService } from "./soak-service.mjs";

test("g05 streams that are opened and given up leave no listener and no descriptor", async () => {
  const service = await startService();
  try {
    const { listeners, files, warnings } = await run(service.url, 40, 5, 1);
    assert.equal(listeners, 0);
    assert.ok(files <= 0, `${files} descriptors more`);
    // Such as that one signal has more than ten listeners.
    assert.deepEqual(warnings, []);
    await ending(service.url, 40);
  } finally {
    await service.close();
  }
});
