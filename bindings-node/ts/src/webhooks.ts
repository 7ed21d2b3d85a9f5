/**
 * Webhooks, for those who receive them: what the service posts to a session's `webhookUrl`.
 *
 * @example
 * ```ts
 * import { webhooks } from "sessionwire";
 *
 * await client.sessions.create({ webhookUrl: webhooks.url("https://shop.example/hook", secret) });
 *
 * const repeats = new webhooks.Deduplicator();
 *
 * // Answers with a status, within 5 seconds.
 * function receive(url: string, headers: Headers, body: string): number {
 *   if (!webhooks.verify(url, secret)) return 401;
 *   const event = webhooks.parse(body, headers); // a WebhookError: answer 400
 *   if (repeats.isRepeat(event)) return 200;
 *   switch (event.type) {
 *     case "task.question":
 *       console.log(event.session.id, "asks:", event.question);
 *       break;
 *     case "task.completed":
 *       console.log(event.session.id, "is done:", event.result.message);
 *   }
 *   return 200;
 * }
 * ```
 *
 * The service signs nothing: the token in the address is the proof. Deliveries come in no promised
 * order, and their `session.status` may be stale: ask for the status before you act on it.
 */

import type { SessionStatus } from "./agi/models.js";
import { errorFrom, InvalidRequestError, WebhookError } from "./errors.js";
import { type ErrorInfo, type NativeDeduplicator, native } from "./native.js";
import { count, text } from "./shared/calls.js";
import { bytesIn } from "./shared/foreign.js";
import { parseTime } from "./shared/models.js";

/** The session as the service describes it in a webhook. */
export interface WebhookSession {
  /** Empty only where an unknown kind has no session. */
  id: string;
  /** The life-cycle status; in the events of a task it may be stale. */
  status: SessionStatus;
  /** The agent that works in it. */
  agentName: string;
  /** Null where it is missing or cannot be read (see `extra.created_at`). */
  createdAt: Date | null;
  /** The live view, or null. */
  vncUrl: string | null;
  /** Every other field, as it came. */
  extra: Record<string, unknown>;
}

/** How a task ended. */
export interface TaskOutcome {
  /** `success`, or a value not known yet. */
  status: string;
  /** The result for a person. */
  message: string;
  /** Every other field, as it came. */
  extra: Record<string, unknown>;
}

/** What every webhook has. */
export interface WebhookEventBase {
  /** The session that it is about. */
  session: WebhookSession;
  /** Null where it is missing or cannot be read (see `extra.timestamp`). */
  timestamp: Date | null;
  /** Names this delivery: a repeat of it has the same key, in every process and language. */
  key: string;
  /** Every other field, as it came. */
  extra: Record<string, unknown>;
}

/** Right after the creation. */
export interface SessionCreatedEvent extends WebhookEventBase {
  /** What happened. */
  type: "session.created";
}

/** After a pause, resume or cancel, for example. */
export interface SessionStatusChangedEvent extends WebhookEventBase {
  /** What happened. */
  type: "session.status_changed";
  /** The life-cycle status before. */
  oldStatus: SessionStatus;
  /** The life-cycle status since. */
  newStatus: SessionStatus;
}

/** The session carries its last status. */
export interface SessionDeletedEvent extends WebhookEventBase {
  /** What happened. */
  type: "session.deleted";
}

/** A message started a task. */
export interface TaskStartedEvent extends WebhookEventBase {
  /** What happened. */
  type: "task.started";
  /** The task. */
  message: string;
}

/** The task ended well. */
export interface TaskCompletedEvent extends WebhookEventBase {
  /** What happened. */
  type: "task.completed";
  /** How it ended. */
  result: TaskOutcome;
}

/** The agent waits for an answer. */
export interface TaskQuestionEvent extends WebhookEventBase {
  /** What happened. */
  type: "task.question";
  /** What the agent asks. */
  question: string;
  /** What the agent adds; often empty. */
  context: Record<string, unknown>;
}

/** The task failed. */
export interface TaskErrorEvent extends WebhookEventBase {
  /** What happened. */
  type: "task.error";
  /** What failed. */
  error: string;
  /** What the service adds; often empty. */
  details: Record<string, unknown>;
}

/**
 * What `parse` gives, told apart by `type`. A kind that this version does not know passes through:
 * its `type` is none of these, and its fields are in `extra`.
 */
export type WebhookEvent =
  | SessionCreatedEvent
  | SessionStatusChangedEvent
  | SessionDeletedEvent
  | TaskStartedEvent
  | TaskCompletedEvent
  | TaskQuestionEvent
  | TaskErrorEvent;

/** Headers as Node, Express, `fetch` and Hono have them. */
export type WebhookHeaders =
  | { get(name: string): string | null | undefined }
  | Iterable<readonly [name: string, value: string | readonly string[] | undefined]>
  | readonly string[]
  | Record<string, string | readonly string[] | undefined>;

interface Wire {
  type: string;
  timestamp: string;
  session: {
    id: string;
    status: string;
    agent_name: string;
    created_at: string | null;
    vnc_url: string | null;
    extra: Record<string, unknown>;
  };
  key: string;
  extra: Record<string, unknown>;
  old_status?: string;
  new_status?: string;
  [field: string]: unknown;
}

/**
 * Reads a webhook from the request's raw body, at most 16 MiB. With the request's headers, the
 * event that `X-Event-Type` names must be the body's. Throws a `WebhookError` where the body is no
 * webhook, or lacks what its kind is documented to have: answer 400. Unknown kinds and fields pass
 * through.
 */
export function parse(
  body: string | Uint8Array | ArrayBuffer,
  headers?: WebhookHeaders,
): WebhookEvent {
  const raw = typeof body === "string" ? body : bytesIn(body);
  if (raw === undefined) {
    throw new WebhookError(
      `The body is ${body === null ? "null" : `of type ${typeof body}`}. Pass the request's raw body, ` +
        "as a string or bytes, before anything else parses it.",
    );
  }
  const parsed = native.parseWebhook(raw, eventType(headers));
  const { type, timestamp, session, key, extra, old_status, new_status, ...fields } = JSON.parse(
    unwrap(parsed),
  ) as Wire;
  const createdAt = time(session.created_at, "created_at", session.extra);
  const event = {
    type,
    session: {
      id: session.id,
      status: session.status,
      agentName: session.agent_name,
      createdAt,
      vncUrl: session.vnc_url,
      extra: session.extra,
    },
    timestamp: time(timestamp, "timestamp", extra),
    ...fields,
    ...(type === "session.status_changed" && { oldStatus: old_status, newStatus: new_status }),
    key,
    extra,
  };
  return event as WebhookEvent;
}

function eventType(headers: WebhookHeaders | null | undefined): string | undefined {
  if (headers === undefined || headers === null) return undefined;
  for (const [name, value] of pairs(headers)) {
    if (asText(name).toLowerCase() !== "x-event-type") continue;
    const one: unknown = Array.isArray(value) ? value[0] : value;
    return one === undefined || one === null ? undefined : asText(one);
  }
  return undefined;
}

/** Names and values, of whatever form. */
function pairs(headers: WebhookHeaders): Iterable<readonly [unknown, unknown]> {
  if (typeof headers !== "object") {
    throw new InvalidRequestError(
      `webhooks.parse: \`headers\` is of type ${typeof headers}. Pass the request's headers, as an ` +
        "object, as Headers or as pairs, or leave them out.",
    );
  }
  if (Array.isArray(headers) && !Array.isArray(headers[0])) {
    // As `rawHeaders` of node:http has them.
    const flat: readonly unknown[] = headers;
    return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1]] as const] : []));
  }
  if (Symbol.iterator in headers) {
    return headers as Iterable<readonly [unknown, unknown]>;
  }
  if ("get" in headers && typeof headers.get === "function") {
    return [["x-event-type", headers.get("x-event-type")]];
  }
  return Object.entries(headers);
}

/** A name or a value, which some frameworks have as bytes. */
function asText(part: unknown): string {
  const bytes = bytesIn(part);
  if (bytes !== undefined) return Buffer.from(bytes).toString("latin1");
  return typeof part === "string" ? part : "";
}

function time(raw: string | null, name: string, extra: Record<string, unknown>): Date | null {
  const moment = parseTime(raw);
  if (moment === null && raw) extra[name] = raw;
  return moment;
}

/**
 * The address to give to `create` as `webhookUrl`: `base` with a token that only who knows `secret`
 * can make. The token is derived from the secret, which itself goes nowhere. Use https outside of
 * tests. Throws an `InvalidRequestError` where `base` is no web address, the result has more than
 * 2,000 characters, or the secret is empty.
 */
export function url(base: string, secret: string): string {
  return unwrap(native.webhookUrl(text("base", base), text("secret", secret)));
}

/**
 * Whether a request came to an address that `url` made with this secret. `urlOrToken` is the
 * address of the request, in full or from its path on, or the value of the query parameter `token`;
 * what is no text is not right. The comparison takes the same time wherever a wrong token differs.
 * To change the secret, accept the old one too for as long as sessions with it live.
 */
export function verify(urlOrToken: unknown, secret: string): boolean {
  return (
    typeof urlOrToken === "string" &&
    typeof secret === "string" &&
    native.verifyWebhook(urlOrToken, secret)
  );
}

/**
 * Remembers deliveries, to tell their repeats: the service tries a delivery up to 3 times within 30
 * seconds when it got no answer in time, and may send one twice. For one process; where several
 * receive, keep `event.key` in a place that they share.
 */
export class Deduplicator {
  readonly #native: NativeDeduplicator;

  /** Remembers so many deliveries, 10,000 by default; the oldest are forgotten first. */
  constructor(capacity = 10_000) {
    if (count("capacity", capacity) === 0 || capacity > 0xffff_ffff) {
      throw new InvalidRequestError(
        `\`capacity\` must be a whole number above 0, not ${String(capacity)}.`,
      );
    }
    this.#native = native.Deduplicator.ofCapacity(capacity);
  }

  /** Whether this delivery came before; remembers it. */
  isRepeat(event: { key: string }): boolean {
    return this.#native.isRepeat(event.key);
  }

  /** Forgets a delivery that could not be worked on, so that its repeat gets a chance. */
  forget(event: { key: string }): void {
    this.#native.forget(event.key);
  }
}

function unwrap(value: string | ErrorInfo): string {
  if (typeof value === "string") return value;
  throw errorFrom(value);
}

export { WebhookError } from "./errors.js";
