/**
 * What comes from elsewhere: signals of polyfills, and bytes of another realm, such as jsdom's. Their
 * classes are not those of this module.
 */

import { defaultMaxListeners, getMaxListeners, setMaxListeners } from "node:events";

const reasons = new WeakMap<AbortSignal, unknown>();

/**
 * Why a signal aborted; always the same. Polyfills have no reason.
 * @internal
 */
export function reasonOf(signal: AbortSignal): unknown {
  if (signal.reason !== undefined) return signal.reason;
  if (!reasons.has(signal)) {
    reasons.set(signal, new DOMException("This operation was aborted", "AbortError"));
  }
  return reasons.get(signal);
}

/**
 * Listens until the signal aborts; gives what ends that. One signal may serve any number of calls, so
 * that many listeners are no leak, of which Node would warn.
 * @internal
 */
export function listen(signal: AbortSignal, onAbort: () => void): () => void {
  try {
    if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(MANY, signal);
  } catch {
    // A polyfill's signal has no such limit.
  }
  signal.addEventListener("abort", onAbort, { once: true });
  return () => signal.removeEventListener("abort", onAbort);
}

/** As many as Node's own `fetch` allows for. */
const MANY = 1500;

/** @internal */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw reasonOf(signal);
}

/**
 * The bytes, where it is a Uint8Array or an ArrayBuffer of any realm.
 * @internal
 */
export function bytesIn(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  const tag = Object.prototype.toString.call(value);
  if (tag === "[object Uint8Array]" && ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  return tag === "[object ArrayBuffer]" ? new Uint8Array(value as ArrayBuffer) : undefined;
}
