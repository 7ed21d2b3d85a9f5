/**
 * Faults, as documents.
 */

import type { Endpoint } from "./endpoints.js";

/**
 * A failure to inject: where, how often, and what happens. Durations in seconds. The emulator's
 * README has the table.
 */
export interface Fault {
  /** Which requests it is for. */
  on: Endpoint;
  /** Webhook: it does not leave. */
  lose?: boolean;
  /** Webhook: only those of this event, such as `task.completed`. */
  event?: string;

  /**
   * How many requests it acts on; 0: all that match. Default: 1; with `every`, `chance`,
   * `starts_after`, `lasts`, `per_minute` or `latency` all.
   */
  times?: number;
  /** How many matching requests pass first. */
  skip?: number;
  /** Only requests for this session. */
  session_id?: string;
  /** Only requests with this API key. */
  key?: string;
  /** Only requests whose headers are like this. */
  header?: Record<string, FaultMatch>;
  /** Only requests that bring such a task or prompt, or are about a session with one. */
  task?: FaultMatch;
  /** It acts on every n-th request that matches. */
  every?: number;
  /** It acts with this probability, from 0 to 1. */
  chance?: number;
  /** From which `chance` and `jitter` draw. Default: 0. */
  seed?: number;
  /** Seconds from its injection until it acts. */
  starts_after?: number;
  /** Seconds for which it acts. */
  lasts?: number;
  /** So many requests a minute pass, for each key; it acts on those beyond. */
  per_minute?: number;

  /** Values in the response's JSON, or in that of a stream's events, by their place. */
  set?: Record<string, unknown>;
  /** Seconds before the response, beside what other faults do. */
  latency?: number;
  /** The most seconds that `latency` varies by. */
  jitter?: number;

  /** Responds with this status instead. */
  status?: number;
  /** JSON, or a text. */
  body?: unknown;
  /** The service's response beyond a limit. */
  limit?: 429 | 503;
  /** Seconds, for `limit`; with 429 the default is 1. */
  retry_after?: number;
  /** Redirects there; `{path}` stands for what was asked for. */
  redirect?: string;
  /** Deletion: responds so, whatever is true. */
  deleted?: boolean;
  /** Headers of the response, that one or the real one. */
  headers?: Record<string, string>;
  /** Headers that the response does not have. */
  drop_headers?: string[];
  /** Resets the connection instead of responding. */
  reset?: boolean;
  /** Never responds. */
  hang?: boolean;
  /** Carries the request out first. */
  after?: boolean;
  /** Seconds before the response; webhook: before it, and all behind it, leave. */
  delay?: number;

  /** What comes in the place of a value in the response's JSON, or in that of a stream's events. */
  put?:
    | "half_emoji"
    | "nan"
    | "infinity"
    | "out_of_range"
    | "above_2_53"
    | "above_64_bits"
    | "deep"
    | `deep:${number}`
    | "other_type"
    | "missing"
    | "twice"
    | "null_entry"
    | `raw:${string}`
    | number
    | boolean
    | null
    | object;
  /** Where `put` acts: `status`, `[0].created_at`, `messages[type=DONE].content`. Default: all. */
  at?: string;
  /** Another body in the place of the response's own. */
  body_as?: "empty" | "html" | "half" | "byte_order_mark" | "not_utf8" | "gzip_bomb";
  /** Bytes that the bomb becomes. Default: 1 GiB. */
  inflates_to?: number;
  /** What becomes of the connection after the response. */
  then?: "close" | "silence";

  /** The body comes in pieces of that many bytes. */
  split?: number;
  /** Seconds between the pieces. */
  split_delay?: number;
  /** Resets the connection after that many bytes of the body. */
  cut_after_bytes?: number;
  /** Closes the connection after that many bytes. */
  close_after_bytes?: number;
  /** Ends the body properly after that many bytes. */
  end_after_bytes?: number;

  /** Message: that many responses still report the status before it. */
  late_status?: number;

  /** Stream: resets the connection after that many events. */
  cut_after?: number;
  /** Stream: closes the connection after that many events. */
  close_after?: number;
  /** Stream: ends the body properly after that many events. */
  end_after?: number;
  /** Stream: nothing more after that many events. */
  silence_after?: number;
  /** Stream: nothing after the head. */
  silence?: boolean;
  /** Stream: heartbeats only. */
  heartbeat_only?: boolean;
  /** Stream: events only. */
  no_heartbeats?: boolean;
  /** Stream: each event twice. Webhook: it leaves twice. */
  duplicate?: boolean;
  /** Stream, webhook: groups of that many, each last to first. */
  reorder?: number;
  /** Stream: no ids. */
  omit_ids?: boolean;
  /** Stream: these ids are left out. */
  drop_ids?: number[];
  /** Stream: begins with the last `done` or `error` so far. */
  replay_done?: boolean;
  /** Stream: this text between the events. */
  insert?: string;
  /** Stream: an event of that many bytes. */
  oversize?: number;
  /** Stream: `insert` and `oversize` come after that many events. Default: 0. */
  insert_after?: number;

  /** WebSocket: the close code of `end_after`. Default: 1000. */
  close_code?: number;
  /** WebSocket: the reason beside `close_code`. */
  close_reason?: string;
  /** WebSocket: messages come in fragments of that many bytes. */
  fragment?: number;
  /** WebSocket: there is no `ack`. */
  no_ack?: boolean;
  /** WebSocket: events come as binary messages. */
  binary?: boolean;
  /** WebSocket: what the client sends has no effect. */
  ignore_frames?: boolean;
}

/** A text that must be contained, an expression that must be found, or the whole text. */
export type FaultMatch = string | { regex: string } | { equals: string };

/**
 * The fault in the wire's words: JavaScript's own (`deleteAll`, `cutAfter`) are understood, too.
 * @internal
 */
export function wireFault(fault: Fault | string): unknown {
  if (typeof fault !== "object" || fault === null) return fault;
  const words = Object.entries(fault).map(([name, value]) => [snake(name), value]);
  const wire = Object.fromEntries(words) as Record<string, unknown>;
  return typeof wire.on === "string" ? { ...wire, on: snake(wire.on) } : wire;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
