// The helpers for tests must fit a framework's hooks. Checked by tsc, never run.

import { afterEach, beforeEach } from "node:test";
import type { Emulator } from "sessionwire";
import { type TestHooks, useEmulator, withEmulator } from "sessionwire/testing";

const ofNode: Emulator = useEmulator({ beforeEach, afterEach });
const strict = useEmulator({ beforeEach, afterEach }, { strictCleanup: true, port: 0 });
const own: TestHooks = { beforeEach: (hook) => hook(), afterEach: (hook) => hook() };

export async function blocks(): Promise<void> {
  const text: string = await withEmulator({ stepDelay: 0 }, async (emulator) => emulator.url);
  const count: number = await withEmulator({}, (emulator) => emulator.requests().length);
  console.log(text, count, ofNode.url, strict.url, useEmulator(own));
}

// @ts-expect-error both hooks are needed
useEmulator({ beforeEach });
// @ts-expect-error an option that does not exist
useEmulator({ beforeEach, afterEach }, { stepsDelay: 1 });
