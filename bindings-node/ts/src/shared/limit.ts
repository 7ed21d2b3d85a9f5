/**
 * Limits of time, and signals, for what takes several calls.
 */

import { listen, reasonOf } from "./foreign.js";

/**
 * The promise, or the signal's reason as soon as it aborts.
 * @internal
 */
export function guarded<T>(promise: T | Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      // Its own rejection has nobody left to hear it.
      Promise.resolve(promise).catch(() => {});
      reject(reasonOf(signal));
      return;
    }
    const onAbort = () => reject(reasonOf(signal));
    const release = listen(signal, onAbort);
    Promise.resolve(promise).then(resolve, reject).finally(release);
  });
}

/**
 * A time limit and the caller's signal, as one signal.
 * @internal
 */
export class Limit {
  /** The reason with which the signal aborts when the time is up. */
  readonly expired = Symbol("expired");
  readonly #controller = new AbortController();
  readonly #end: number | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #release: () => void;

  constructor(timeout: number | undefined, signal: AbortSignal | undefined) {
    const onAbort = () => this.#controller.abort(signal && reasonOf(signal));
    if (signal?.aborted) onAbort();
    this.#release = signal === undefined ? () => {} : listen(signal, onAbort);
    if (timeout === undefined || timeout > LONGEST_TIMER) return;
    this.#end = performance.now() + timeout;
    this.#timer = setTimeout(() => this.#controller.abort(this.expired), timeout);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Milliseconds that remain, at least a moment; undefined: no limit. */
  remaining(): number | undefined {
    if (this.#end === undefined) return undefined;
    return Math.max(this.#end - performance.now(), 1);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#release();
  }
}

/** setTimeout takes no longer one (almost 25 days). */
const LONGEST_TIMER = 2 ** 31 - 1;
