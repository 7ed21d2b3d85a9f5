/**
 * Calls into the native half: signals, durations, errors.
 */

import type { Check } from "../agi/seam.js";
import { errorFrom, InvalidRequestError, type SessionwireError } from "../errors.js";
import {
  type ErrorInfo,
  type NativeCalls,
  type NativeTraced,
  native,
  type Picture,
} from "../native.js";
import { listen, reasonOf, throwIfAborted } from "./foreign.js";
import type { Names } from "./known.js";
import { call } from "./telemetry.js";

/** What every call accepts. */
export interface CallOptions {
  /** Ends the call: its request is dropped and the promise rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** @internal */
export const CALL: Names<CallOptions> = { signal: true };

/** The number of a call that has no signal. */
const NOT_CANCELLABLE = 0;

let lastId = 0;

function nextId(): number {
  lastId = (lastId % 0xffff_fffe) + 1;
  return lastId;
}

/**
 * Runs `start` with a call number for which `target.cancel` is called when the signal aborts.
 * `start` gives null when the call was cancelled.
 * @internal
 */
export async function cancellable<T extends {}>(
  target: { cancel(id: number): void },
  signal: AbortSignal | undefined,
  start: (id: number) => Promise<T | null>,
): Promise<T> {
  if (signal === undefined) return (await start(NOT_CANCELLABLE)) as T;
  checkSignal(signal);
  throwIfAborted(signal);
  const id = nextId();
  const onAbort = () => target.cancel(id);
  const release = listen(signal, onAbort);
  try {
    const reply = await start(id);
    // A reply that came before the abort counts: a created session must not be lost.
    if (reply === null) throw reasonOf(signal);
    return reply;
  } finally {
    release();
  }
}

/** @internal */
export function checkSignal(signal: AbortSignal | undefined): void {
  // By its shape: test runners have AbortSignal classes of their own.
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw new InvalidRequestError(
      "`signal` is not an AbortSignal. Pass the `signal` of an AbortController.",
    );
  }
}

/**
 * Refuses input that a call would refuse, without a request.
 * @internal
 */
export function check(input: Check): void {
  const error = native.check(JSON.stringify(input));
  if (error !== null) throw errorFrom(error);
}

/** A client, or a pool, which makes no requests of its own. */
type Target<Operation, Outputs> = NativeCalls<Operation, Outputs> & Partial<NativeTraced>;

function isTraced<Operation, Outputs>(
  target: Target<Operation, Outputs>,
): target is NativeCalls<Operation, Outputs> & NativeTraced {
  return target.trace !== undefined;
}

/**
 * Carries an operation out; its result as JSON, parsed.
 * @internal
 */
export async function execute<Operation, Outputs, Name extends keyof Outputs>(
  target: Target<Operation, Outputs>,
  operation: NoInfer<Operation> & { op: Name },
  signal: AbortSignal | undefined,
): Promise<Outputs[Name]> {
  const reply = await executeRaw(target, operation, signal);
  return JSON.parse(reply as string) as Outputs[Name];
}

/** @internal */
export function executeRaw<Operation, Outputs>(
  target: Target<Operation, Outputs>,
  operation: NoInfer<Operation>,
  signal: AbortSignal | undefined,
): Promise<string | Picture> {
  if (!isTraced(target)) return send(target, operation, signal);
  const told = operation as { op: string; session_id?: string; agent_name?: string };
  const subject = { sessionId: told.session_id, agent: told.agent_name };
  return call(target, told.op, subject, (client) => send(client, operation, signal));
}

/**
 * The same without a span.
 * @internal
 */
export async function send<Operation, Outputs>(
  target: NativeCalls<Operation, Outputs>,
  operation: NoInfer<Operation>,
  signal: AbortSignal | undefined,
): Promise<string | Picture> {
  const text = JSON.stringify(operation);
  const reply = await cancellable<string | Picture | ErrorInfo>(target, signal, (id) =>
    target.execute(id, text),
  );
  if (typeof reply === "string" || "image" in reply) return reply;
  throw errorFrom(reply);
}

/**
 * Milliseconds from a caller as the core's seconds.
 * @internal
 */
export function seconds(
  name: string,
  milliseconds: number,
  type?: new (message: string) => SessionwireError,
): number;
/** @internal */
export function seconds(
  name: string,
  milliseconds: number | undefined,
  type?: new (message: string) => SessionwireError,
): number | undefined;
export function seconds(
  name: string,
  milliseconds: number | undefined,
  type: new (message: string) => SessionwireError = InvalidRequestError,
): number | undefined {
  if (milliseconds === undefined) return undefined;
  if (typeof milliseconds !== "number" || !(milliseconds > 0)) {
    throw new type(
      `\`${name}\` must be a positive number of milliseconds, not ${String(milliseconds)}.`,
    );
  }
  // JSON knows no infinity; a year is as good as one.
  return Math.min(milliseconds / 1000, 365 * 24 * 3600);
}

/**
 * The same, where 0 means no time at all.
 * @internal
 */
export function secondsOrNone(
  name: string,
  milliseconds: number | undefined,
  type?: new (message: string) => SessionwireError,
): number | undefined {
  return milliseconds === 0 ? 0 : seconds(name, milliseconds, type);
}

/**
 * A whole number from a caller, checked.
 * @internal
 */
export function count(
  name: string,
  value: number | undefined,
  type: new (message: string) => SessionwireError = InvalidRequestError,
): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return value;
  throw new type(`\`${name}\` must be a whole number, 0 or more, not ${String(value)}.`);
}

/**
 * A text argument, checked: `undefined` would otherwise be sent as a missing field.
 * @internal
 */
export function text(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  const given = value === null ? "null" : typeof value;
  throw new InvalidRequestError(`\`${name}\` must be a string, not ${given}. Pass a string.`);
}

/**
 * A list of texts, checked.
 * @internal
 */
export function texts(
  name: string,
  values: readonly string[] | undefined,
): readonly string[] | undefined {
  const given: unknown = values;
  if (given === undefined) return undefined;
  if (Array.isArray(given) && given.every((one) => typeof one === "string")) return values;
  const what = given === null ? "null" : Array.isArray(given) ? "a list of others" : typeof given;
  throw new InvalidRequestError(`\`${name}\` must be a list of strings, not ${what}.`);
}

/**
 * The path of a file, checked.
 * @internal
 */
export function path(
  name: string,
  value: string | undefined,
  type: new (message: string) => SessionwireError = InvalidRequestError,
): string | undefined {
  const given: unknown = value;
  if (given === undefined || given === null || typeof given === "string") return value;
  const [what, advice] =
    given instanceof URL ? ["a URL", "fileURLToPath(url)"] : [typeof given, "a string"];
  throw new type(`\`${name}\` must be a path in a string, not ${what}. Pass ${advice}.`);
}

/** @internal */
export function checkCallback(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") {
    throw new InvalidRequestError(`\`${name}\` must be a function, not ${typeof value}.`);
  }
}
