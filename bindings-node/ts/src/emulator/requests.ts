/**
 * The requests that the emulator received: which are meant, and how they read.
 */

import type { Names } from "../shared/known.js";

/** Which requests are meant; what is left out matches all. */
export interface RequestMatch {
  /** `GET`, `POST`, ... */
  method?: string | undefined;
  /**
   * The whole path as a pattern, in which `*` stands for anything but `/` and `**` for anything;
   * or a regular expression that occurs in it.
   */
  path?: string | RegExp | undefined;
  /** The session that the path names, or else the body. */
  sessionId?: string | undefined;
  /** What the body holds at least: objects may have more members. */
  json?: unknown;
  /** The status of the response. */
  status?: number | undefined;
}

/** @internal */
export const MATCH: Names<RequestMatch> = {
  method: true,
  path: true,
  sessionId: true,
  json: true,
  status: true,
};

/** How long to wait for a request. */
export interface WaitForRequestOptions {
  /** Milliseconds; default: 5,000. */
  timeout?: number | undefined;
  /** Ends the wait; the promise rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** @internal */
export const WAIT_FOR_REQUEST: Names<WaitForRequestOptions> = {
  timeout: true,
  signal: true,
};

/** @internal As it comes from the native half. */
export interface WireRequest {
  method: string;
  path: string;
  query: string;
  headers: Record<string, string>;
  body: string;
  status: number | null;
  received_at: string;
}

/** A request that the emulator received. */
export class CapturedRequest {
  /** Such as `POST`. */
  readonly method: string;
  /** Such as `/v1/sessions`. */
  readonly path: string;
  /** As it was sent, without `?`; empty where there is none. */
  readonly query: string;
  /** Lower-case names; the key is not shown. */
  readonly headers: Record<string, string>;
  /** The body as text. */
  readonly body: string;
  /** The status of the response; null while there is none. */
  readonly status: number | null;
  /** When it came. */
  readonly receivedAt: Date;

  /** @internal */
  constructor({ received_at, ...request }: WireRequest) {
    this.method = request.method;
    this.path = request.path;
    this.query = request.query;
    this.headers = request.headers;
    this.body = request.body;
    this.status = request.status;
    this.receivedAt = new Date(received_at);
  }

  /** The body as JSON; throws a `SyntaxError` where it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: the sender decides what it is, as with Response.json().
  json(): any {
    return JSON.parse(this.body);
  }
}

/** What the native half takes. It knows no regular expressions. */
export function filter(match: RequestMatch): string {
  return JSON.stringify({
    method: match.method,
    path: match.path instanceof RegExp ? undefined : match.path,
    session_id: match.sessionId,
    json: match.json,
    status: match.status,
  });
}

/** A match in words, such as `POST /v1/sessions with json {}`. */
export function described({ method, path, ...others }: RequestMatch): string {
  const extras = Object.entries(others)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  const words = [method ?? "a request"];
  if (path !== undefined) words.push(String(path));
  if (extras.length > 0) words.push(`with ${extras.join(", ")}`);
  return words.join(" ");
}

export function timesText(count: number): string {
  return count === 1 ? "1 time" : `${count} times`;
}
