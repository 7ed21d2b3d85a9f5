/**
 * `decodeFrame` and `decodeAnswer`: functions of a caller that bring what the service says into its
 * documented form, where no name can.
 */

import { types } from "node:util";
import { ConfigError } from "../errors.js";
import { warn } from "../shared/warn.js";

/**
 * Brings each frame of a turn into the form that docs/spec/raccoon.md, section 5.3, documents.
 *
 * It gets the frame's JSON, or its text where it is none, and gives an object, or null or undefined
 * to leave the frame out: each frame of a socket once, in their order, and the events of a history
 * each time that it is read.
 */
export type FrameDecoder = (frame: unknown) => object | null | undefined;

/** What a response answers. */
export type AnsweredOperation =
  | "list_sessions"
  | "get_session"
  | "start_turn"
  | "rename_session"
  | "delete_session"
  | "upload";

/**
 * Brings the response to an operation into the form of docs/spec/raccoon.md, section 4: it gets the
 * operation, the status, which is a success, and the body's JSON (its text where it is none, null
 * where there is no body), and gives the body.
 */
export type AnswerDecoder = (
  operation: AnsweredOperation,
  status: number,
  body: unknown,
) => unknown;

/** A call, as the core makes it. */
type Call =
  | { hook: "decode_frame"; frames: unknown[] }
  | { hook: "decode_answer"; operation: AnsweredOperation; status: number; body: unknown };

/** A text without the client's key. */
type Redact = (text: string) => string;

/** What the native client calls; undefined for no function. It throws nothing. */
type Hook = ((call: string) => string) | undefined;

/** @internal */
export function frameHook(decode: FrameDecoder | undefined, redact: Redact): Hook {
  const gives = "takes a frame and gives it as an object";
  return hook("decodeFrame", decode, gives, redact, (call) => {
    const { frames } = call as Extract<Call, { hook: "decode_frame" }>;
    return frames.map((frame) => () => (decode as FrameDecoder)(frame));
  });
}

/** @internal */
export function answerHook(decode: AnswerDecoder | undefined, redact: Redact): Hook {
  const gives = "takes operation, status and body, and gives the body";
  return hook("decodeAnswer", decode, gives, redact, (call) => {
    const { operation, status, body } = call as Extract<Call, { hook: "decode_answer" }>;
    return [() => (decode as AnswerDecoder)(operation, status, body)];
  });
}

function hook(
  name: string,
  decode: unknown,
  gives: string,
  redact: Redact,
  calls: (call: Call) => (() => unknown)[],
): Hook {
  if (decode === undefined) return undefined;
  if (typeof decode !== "function") {
    throw new ConfigError(
      `\`${name}\` is not a function but ${decode === null ? "null" : typeof decode}. Give a function that ${gives}.`,
    );
  }
  if (types.isAsyncFunction(decode)) {
    throw new ConfigError(
      `\`${name}\` is an async function, for which nobody waits. Give a plain function that ${gives}.`,
    );
  }
  return (call) => {
    const outcomes: string[] = [];
    for (const one of calls(JSON.parse(call) as Call)) {
      const outcome = run(name, one, redact);
      outcomes.push(outcome.json);
      if (!outcome.gave) break;
    }
    return `[${outcomes.join()}]`;
  };
}

/** What came of one call, as JSON. */
function run(name: string, call: () => unknown, redact: Redact): { gave: boolean; json: string } {
  const no = (outcome: object) => ({ gave: false, json: JSON.stringify(outcome) });
  try {
    const value = call();
    if (value === null || value === undefined) return { gave: true, json: '{"gave":null}' };
    if (typeof (value as PromiseLike<unknown>).then === "function") {
      // Nobody else looks at how it ends.
      Promise.resolve(value).catch(() => {});
      return no({ odd: "a promise; give a plain function" });
    }
    const json = JSON.stringify(value, plain) as string | undefined;
    if (json === undefined) return no({ odd: `a ${typeof value}, which JSON does not have` });
    return { gave: true, json: `{"gave":${json}}` };
  } catch (error) {
    if (error instanceof NoJson) return no({ odd: error.message });
    tell(name, error, redact);
    return no({ failed: words(error) });
  }
}

/** Half of a surrogate pair; a whole one is one character here. */
const HALF = /\p{Surrogate}/u;

/** What JSON does not have. */
class NoJson extends Error {}

/** Refuses what `JSON.stringify` would change without a word, or no parser reads. */
function plain(this: unknown, name: string, value: unknown): unknown {
  // What it is before its own `toJSON`.
  const odd = emptied((this as Record<string, unknown>)[name]);
  if (odd !== undefined) {
    throw new NoJson(`a ${odd}, which JSON does not have; give a plain object`);
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new NoJson(`no JSON: ${value} is not a number that JSON has`);
  }
  if (HALF.test(name) || (typeof value === "string" && HALF.test(value))) {
    throw new NoJson("no JSON: the text holds half of a surrogate pair, which UTF-8 cannot carry");
  }
  return value;
}

/** The name of an object that loses what it holds in JSON. */
function emptied(value: unknown): string | undefined {
  const loses =
    types.isMap(value) ||
    types.isSet(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isAnyArrayBuffer(value) ||
    ArrayBuffer.isView(value) ||
    types.isRegExp(value) ||
    types.isPromise(value) ||
    types.isNativeError(value);
  return loses ? value.constructor?.name || "object of another kind" : undefined;
}

/** Warns of the error, without the client's key: whoever waits for the call may catch its own. */
function tell(name: string, error: unknown, redact: Redact): void {
  try {
    warn(`\`${name}\` threw`, redact(words(error)));
  } catch {
    // It cannot be shown; the error of the call says so.
  }
}

function words(error: unknown): string {
  try {
    return String(error);
  } catch {
    return "something that has no text";
  }
}
