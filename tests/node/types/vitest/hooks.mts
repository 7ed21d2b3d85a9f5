// vitest's hooks must fit. Checked by tsc, never run.

import type { Emulator } from "sessionwire";
import { useEmulator } from "sessionwire/testing";
import * as vitest from "vitest";

export const one: Emulator = useEmulator(vitest, { strictCleanup: true });
export const two: Emulator = useEmulator({
  beforeEach: vitest.beforeEach,
  afterEach: vitest.afterEach,
});
