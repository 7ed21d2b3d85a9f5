/// <reference types="node" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Helpers for tests, with any framework: `sessionwire/testing`.
 *
 * @example
 * ```ts
 * import { afterEach, beforeEach, test } from "node:test";   // or from "vitest"
 * import { useEmulator } from "sessionwire/testing";
 *
 * const emulator = useEmulator({ beforeEach, afterEach });
 *
 * test("the application asks for a table", async () => {
 *   await application(); // says new Agi(), and reaches the emulator
 *   emulator.assertRequested({ method: "POST", path: "/v1/sessions" });
 * });
 * ```
 */

import { inspect } from "node:util";
import { EMULATOR, Emulator, type EmulatorOptions } from "./emulator/emulator.js";
import { ConfigError } from "./errors.js";
import { type NativeTestGuard, native } from "./native.js";
import { known, type Names } from "./shared/known.js";

/**
 * How the emulator of a test is set up. Its agent steps every 5 ms, unless `stepDelay` is given. A task or turn that
 * no entry of the scenario fits fails, and so does the test, even if the code under test takes the error
 * (`unmatched: "agent"`: the built-in agent works on it).
 */
export interface TestEmulatorOptions extends EmulatorOptions {
  /** Faults that never struck, and `once` entries that never played, are no error. Default: false. */
  allowUnused?: boolean | undefined;
  /** Sessions that a test leaves behind are an error. Default: false. */
  strictCleanup?: boolean | undefined;
}

const TEST_EMULATOR: Names<TestEmulatorOptions> = {
  ...EMULATOR,
  allowUnused: true,
  strictCleanup: true,
};

/** The hooks of a test framework, such as those of `node:test` or vitest. */
export interface TestHooks {
  /** Has a function called before each test. */
  beforeEach(hook: () => Promise<void>): unknown;
  /** Has a function called after each test. */
  afterEach(hook: () => Promise<void>): unknown;
}

const VARIABLES = [
  "AGI_BASE_URL",
  "AGI_API_KEY",
  "RACCOON_BASE_URL",
  "RACCOON_API_KEY",
  "SESSIONWIRE_TEST_EMULATOR",
  "SSL_CERT_FILE",
] as const;

/** A running emulator, and what `process.env` held before it was there. */
class TestRun {
  readonly #before: readonly (string | undefined)[];
  /** A client that was made before, when a module was loaded, reaches no real service. */
  readonly #guard: NativeTestGuard;

  private constructor(
    readonly emulator: Emulator,
    readonly strict: boolean,
    readonly allowUnused: boolean,
  ) {
    this.#before = VARIABLES.map((name) => process.env[name]);
    this.#guard = new native.TestGuard(emulator.url);
    // A program that the test starts reaches no service either, whatever it makes of the others.
    process.env.SESSIONWIRE_TEST_EMULATOR = emulator.url;
    process.env.AGI_BASE_URL = emulator.url;
    if (emulator.caFile !== null) process.env.SSL_CERT_FILE = emulator.caFile;
    process.env.AGI_API_KEY = emulator.apiKey;
    process.env.RACCOON_BASE_URL = emulator.raccoonUrl;
    process.env.RACCOON_API_KEY = emulator.apiKey;
  }

  static async open(given: TestEmulatorOptions): Promise<TestRun> {
    const {
      strictCleanup = false,
      allowUnused = false,
      ...options
    } = known(given, TEST_EMULATOR, ConfigError);
    const { unmatched = "error", ...others } = options;
    const emulator = await Emulator.start({ stepDelay: 5, unmatched, ...others });
    return new TestRun(emulator, strictCleanup, allowUnused);
  }

  /** Closes the emulator and restores the variables. */
  async close(): Promise<void> {
    this.#guard.release();
    VARIABLES.forEach((name, at) => {
      const value = this.#before[at];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    });
    await this.emulator.close();
  }

  /** Throws if the emulator did not play what it was told, or if sessions were left behind and that is an error. */
  check(failure?: string): void {
    // A test that failed leaves faults and entries behind, and one that shows why says it once.
    const failed = failure !== undefined;
    try {
      this.emulator.assertPlayed({ allowUnused: this.allowUnused || failed });
    } catch (error) {
      const said = (error as Error).message.split("\n");
      if (!failed || said.some((line) => !failure.includes(line))) throw error;
    }
    if (failed) return;
    const remaining = this.emulator.sessionCount;
    if (!this.strict || remaining === 0) return;
    throw new Error(
      `The test left ${remaining} session${remaining === 1 ? "" : "s"} behind. Create sessions with ` +
        "`await using session = await client.sessions.create()`, or delete them.",
    );
  }
}

/** The options, of which a wrong one would let a test pass that should not. */
function checked(options: TestEmulatorOptions): void {
  known(options, TEST_EMULATOR, ConfigError);
  for (const name of ["allowUnused", "strictCleanup"] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== "boolean") {
      throw new ConfigError(`\`${name}\` must be true or false`);
    }
  }
}

/** What the test failed with, as far as its framework tells a hook: node:test and vitest do. */
function failureOf(context: unknown): string | undefined {
  const { error, task } = (context ?? {}) as {
    error?: unknown;
    task?: { result?: { state?: string; errors?: readonly { message?: string }[] } };
  };
  if (task?.result?.state === "fail") {
    return (task.result.errors ?? []).map(({ message }) => message ?? "").join("\n");
  }
  if (error === undefined || error === null) return undefined;
  const { message, cause } = error as { message?: string; cause?: { message?: string } };
  return `${message ?? ""}\n${cause?.message ?? ""}`;
}

/**
 * Runs `work` with a fresh emulator; gives what it gives. While it runs, AGI_BASE_URL,
 * AGI_API_KEY, RACCOON_BASE_URL and RACCOON_API_KEY in `process.env` point to the emulator, so that
 * `new Agi()` and `new Raccoon()` just work. A client that was made before, without a `baseUrl`, is
 * refused with a `ConfigError`: it would reach the real service.
 */
export async function withEmulator<T>(
  options: TestEmulatorOptions,
  work: (emulator: Emulator) => T | Promise<T>,
): Promise<T> {
  if (typeof work !== "function") {
    throw new ConfigError(
      "withEmulator takes the options first, then a function: withEmulator({}, async (emulator) => { ... })",
    );
  }
  checked(options);
  const run = await TestRun.open(options);
  try {
    const value = await work(run.emulator);
    run.check();
    return value;
  } finally {
    await run.close();
  }
}

/**
 * A fresh emulator for each test. While a test runs, AGI_BASE_URL, AGI_API_KEY,
 * RACCOON_BASE_URL and RACCOON_API_KEY in `process.env` point to it, and a client that was made before, without a
 * `baseUrl`, is refused. What this gives stands for the emulator of the test that runs.
 *
 * Tests that run at the same time in one process share `process.env`: give each its own with
 * `withEmulator`, and say `emulator.agi()`.
 */
export function useEmulator(hooks: TestHooks, options: TestEmulatorOptions = {}): Emulator {
  if (typeof hooks?.beforeEach !== "function" || typeof hooks.afterEach !== "function") {
    throw new ConfigError(
      "useEmulator takes the hooks of your framework first: useEmulator({ beforeEach, afterEach }, { scenario })",
    );
  }
  // Here, and not before each test: it is the file that is wrong.
  checked(options);
  let run: TestRun | undefined;
  hooks.beforeEach(async () => {
    if (run !== undefined) {
      throw new Error(
        "The emulator of another test is still there. In tests that run at the same time say " +
          "withEmulator; else look for the afterEach hook that failed.",
      );
    }
    run = await TestRun.open(options);
  });
  // It has no parameter: jest would wait for a callback, vitest look for fixtures.
  hooks.afterEach(async function () {
    // biome-ignore lint/complexity/noArguments: see above.
    const failure = failureOf(arguments[0]);
    const ended = run;
    run = undefined;
    try {
      ended?.check(failure);
    } finally {
      await ended?.close();
    }
  });
  const current = (): Emulator => {
    if (run !== undefined) return run.emulator;
    throw new Error("There is an emulator only while a test runs: use it inside of test()");
  };
  const describe = () => (run === undefined ? "Emulator (no test runs)" : inspect(run.emulator));
  const stand = Object.create(Emulator.prototype, {
    [inspect.custom]: { value: describe, configurable: true },
  }) as Emulator;
  return new Proxy(stand, {
    get: (_, name) => {
      if (name === inspect.custom) return describe;
      // What looks at a value without using it: `await`, printing, comparing.
      if (run === undefined && (typeof name === "symbol" || name === "then")) return undefined;
      const emulator = current();
      const value: unknown = Reflect.get(emulator, name, emulator);
      return typeof value === "function" ? value.bind(emulator) : value;
    },
    has: (_, name) => name in current(),
    set: () => false,
  });
}
