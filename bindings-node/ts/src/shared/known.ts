/**
 * Options that a call knows: one that it does not know would be ignored without a word.
 */

import { InvalidRequestError, inCamelCase, type SessionwireError } from "../errors.js";
import { native } from "../native.js";

/** Every name of an options object, for the compiler to hold complete. */
export type Names<Options> = { readonly [Name in keyof Required<Options>]: true };

/**
 * The options, checked: an object, all of whose names the call knows.
 * @internal
 */
export function known<Options extends object>(
  options: Options,
  names: Names<Options>,
  type: new (message: string) => SessionwireError = InvalidRequestError,
): Options {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new type(`The options must be an object, not ${what(options)}. ${advice(names)}`);
  }
  for (const name in options) {
    if (Object.hasOwn(names, name) || options[name] === undefined) continue;
    const likely = likeliest(name, Object.keys(names));
    throw new type(
      `There is no option \`${name}\`. ${likely === undefined ? advice(names) : `Did you mean \`${likely}\`?`}`,
    );
  }
  return options;
}

/**
 * Headers from a caller, checked: what is no plain object would be sent as no header at all.
 * @internal
 */
export function plainHeaders<H>(
  headers: H,
  type: new (message: string) => SessionwireError = InvalidRequestError,
): H {
  if (headers === undefined) return headers;
  const prototype = typeof headers === "object" && headers && Object.getPrototypeOf(headers);
  // By its shape: a plain object may come from another realm.
  if (prototype === null || (prototype && Object.getPrototypeOf(prototype) === null)) {
    return headers;
  }
  const iterable = typeof headers === "object" && headers !== null && Symbol.iterator in headers;
  throw new type(
    `\`headers\` must be a plain object of names and values, not ${what(headers)}. Pass ` +
      (iterable ? "Object.fromEntries(headers)." : 'an object such as { "X-Name": "value" }.'),
  );
}

/** Types of events that were warned of. */
const said = new Set<string>();

/**
 * Warns once of a type of event that this version does not know: it may be new, or misspelled.
 * @internal
 */
export function warnUnknownTypes(types: readonly string[] | undefined): void {
  if (!Array.isArray(types)) return;
  for (const type of types) {
    if (typeof type !== "string" || said.has(type)) continue;
    const warning = native.unknownEventType(type);
    if (warning === null) continue;
    said.add(type);
    process.emitWarning(inCamelCase(warning), { type: "SessionwireWarning" });
  }
}

function what(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object") return `a ${typeof value}`;
  return `a ${value.constructor?.name || "object of another kind"}`;
}

function advice(names: object): string {
  const list = Object.keys(names).map((name) => `\`${name}\``);
  return `The options are ${list.join(", ")}.`;
}

/** What other clients call these. */
const ELSEWHERE: Record<string, string> = {
  key: "apiKey",
  token: "apiKey",
  url: "baseUrl",
  endpoint: "baseUrl",
  host: "baseUrl",
  retries: "maxRetries",
  defaultheaders: "headers",
  agent: "agentName",
  model: "agentName",
  webhook: "webhookUrl",
  starturi: "startUrl",
  abortsignal: "signal",
  timeoutms: "timeout",
  types: "eventTypes",
  instructions: "basePrompt",
};

function likeliest(name: string, names: readonly string[]): string | undefined {
  const plain = (text: string) => text.replace(/[^a-zA-Z0-9]/g, "").toLowerCase();
  const given = plain(name);
  const same = names.find((one) => plain(one) === given);
  if (same !== undefined) return same;
  const elsewhere = ELSEWHERE[given];
  if (elsewhere !== undefined && names.includes(elsewhere)) return elsewhere;
  const near = names.map((one) => ({ one, far: distance(given, plain(one)) }));
  near.sort((a, b) => a.far - b.far);
  const [first] = near;
  return first !== undefined && first.far <= Math.max(2, given.length / 4) ? first.one : undefined;
}

/** How many letters differ (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, change));
    }
    row = next;
  }
  return row[b.length] as number;
}
