/**
 * For pages: reads what `toSse` sends. It has no native code and no imports, and runs wherever `fetch`
 * does.
 *
 * @example
 * ```ts
 * import { type AgiEvent, readEvents } from "sessionwire/browser";
 *
 * for await (const event of readEvents<AgiEvent>("/api/task", { method: "POST", body })) {
 *   console.log(event.type, event.text);
 * }
 * ```
 */

import type { AgiEvent } from "./agi/events.js";

export type * from "./agi/events.js";
export type * from "./raccoon/events.js";

/** An event as a page gets it: JSON has no times, so that those are texts. */
export type Sent<Event> = Event extends unknown
  ? { [Field in keyof Event]: SentField<Event[Field]> }
  : never;

/** A field of such an event. */
export type SentField<Value> = Date extends Value ? Exclude<Value, Date> | string : Value;

/** How the events are asked for. */
export interface ReadEventsOptions {
  /** Default: `GET`. */
  method?: string | undefined;
  /** Headers of each request. */
  headers?: Record<string, string> | undefined;
  /** The body of the request: a text, or what `fetch` can send twice. */
  body?: string | FormData | URLSearchParams | Blob | undefined;
  /** Whether cookies go to another origin, as for `fetch`. */
  credentials?: "include" | "omit" | "same-origin" | undefined;
  /** Ends it; the loop then throws the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Goes on after the event of this id, such as one of a page that was loaded again. Default: null. */
  lastEventId?: string | null | undefined;
  /** How often in a row it connects again without a new event. Default: 5. */
  retries?: number | undefined;
  /** Milliseconds without a byte, comments included, after which it connects again. Default: 45,000. */
  idleTimeout?: number | undefined;
  /** Instead of the global `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
}

/** Why there are no more events. */
export class SseError extends Error {
  /** The HTTP status, if the route answered with another one than 2xx; else null. */
  readonly status: number | null;
  /** A machine-readable word of the server's error, if it sent one; else null. */
  readonly code: string | null;

  /** @internal */
  constructor(message: string, fields: { status?: number; code?: string | null } = {}) {
    super(message);
    this.name = "SseError";
    this.status = fields.status ?? null;
    this.code = fields.code ?? null;
  }
}

const DEFAULT_RETRIES = 5;
const DEFAULT_IDLE_TIMEOUT = 45_000;

/** Between two attempts, in milliseconds: at first, and at most. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;

/** How much of an error's text is shown. */
const SHOWN = 500;

/**
 * The events that a route of your server sends with `toSse`, each once and in order, over any number of
 * disconnects. It starts with the first look for an event, and ends when the task does.
 *
 * It connects again only with the id of an event: without one, the same request could start the same
 * task twice. The loop throws an `SseError` where it cannot go on.
 */
export function readEvents<Event = AgiEvent>(
  url: string | URL,
  options: ReadEventsOptions = {},
): EventReader<Event> {
  return new EventReader<Event>(url, options);
}

/** The events of a route, to iterate once. Leaving the loop ends the request. */
export class EventReader<Event = AgiEvent> implements AsyncIterable<Sent<Event>> {
  readonly #url: string | URL;
  readonly #options: ReadEventsOptions;
  readonly #closing = new AbortController();
  #lastEventId: string | null;
  #events: AsyncGenerator<Sent<Event>, undefined, undefined> | undefined;

  /** @internal */
  constructor(url: string | URL, options: ReadEventsOptions) {
    this.#url = url;
    this.#options = options;
    this.#lastEventId = options.lastEventId ?? null;
  }

  /** The id of the last event that you have; null where none had one. */
  get lastEventId(): string | null {
    return this.#lastEventId;
  }

  /** Ends the request, and a loop that waits. */
  close(): void {
    this.#closing.abort();
  }

  /** The events that are left. */
  [Symbol.asyncIterator](): AsyncGenerator<Sent<Event>, undefined, undefined> {
    this.#events ??= this.#read();
    return this.#events;
  }

  async *#read(): AsyncGenerator<Sent<Event>, undefined, undefined> {
    const { signal, retries = DEFAULT_RETRIES } = this.#options;
    let failures = 0;
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (this.#closing.signal.aborted) return;
        let problem: unknown;
        const attempt = new Attempt(this.#url, this.#options, this.#closing.signal);
        try {
          for await (const frame of attempt.frames(this.#lastEventId)) {
            if (frame.event === "end") return;
            if (frame.event === "failure") throw told(frame.data);
            if (frame.event !== "message") continue;
            failures = 0;
            const event = parsed(frame.data) as Sent<Event>;
            // An empty one takes back what was said before.
            if (frame.id !== null) this.#lastEventId = frame.id || null;
            yield event;
          }
          problem = new SseError("The stream ended before the task did.");
        } catch (error) {
          if (signal?.aborted) throw signal.reason;
          if (this.#closing.signal.aborted) return;
          if (!(error instanceof Broken)) throw error;
          problem = error.cause instanceof SseError ? error.cause : cut(error.cause);
        } finally {
          attempt.end();
        }
        // Without an id the same request could start the same task twice.
        if (this.#lastEventId === null || failures >= retries) throw problem;
        await this.#pause(Math.min(FIRST_WAIT * 2 ** failures, LONGEST_WAIT));
        failures += 1;
      }
    } finally {
      this.#closing.abort();
    }
  }

  async #pause(milliseconds: number): Promise<void> {
    const signals = [this.#options.signal, this.#closing.signal];
    let wake = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const timer = setTimeout(wake, milliseconds);
    for (const signal of signals) signal?.addEventListener("abort", wake);
    await woken;
    clearTimeout(timer);
    for (const signal of signals) signal?.removeEventListener("abort", wake);
  }
}

/** A connection that broke, or never stood: it is tried again. */
class Broken extends Error {}

/** One frame of the stream. */
interface Frame {
  event: string;
  id: string | null;
  data: string;
}

/** One request, and the reading of its response. */
class Attempt {
  readonly #url: string | URL;
  readonly #options: ReadEventsOptions;
  readonly #ending = new AbortController();
  readonly #outer: (AbortSignal | undefined)[];
  readonly #onAbort = () => this.#ending.abort();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string | URL, options: ReadEventsOptions, closing: AbortSignal) {
    this.#url = url;
    this.#options = options;
    this.#outer = [options.signal, closing];
    for (const signal of this.#outer) signal?.addEventListener("abort", this.#onAbort);
  }

  /** Ends the request, and waits for nothing any more. */
  end(): void {
    clearTimeout(this.#timer);
    for (const signal of this.#outer) signal?.removeEventListener("abort", this.#onAbort);
    this.#ending.abort();
  }

  /** Notes a sign of life. */
  #alive(): void {
    clearTimeout(this.#timer);
    const idle = this.#options.idleTimeout ?? DEFAULT_IDLE_TIMEOUT;
    this.#timer = setTimeout(this.#onAbort, idle);
  }

  async *frames(lastEventId: string | null): AsyncGenerator<Frame, void, undefined> {
    const response = await this.#open(lastEventId);
    // What a route answers that has nothing more for this id.
    if (response.status === 204) {
      yield { event: "end", id: null, data: "" };
      return;
    }
    const type = response.headers.get("content-type") ?? "";
    if (!response.ok || !type.startsWith("text/event-stream")) throw await refused(response, type);
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    const decoder = new Decoder();
    for (;;) {
      this.#alive();
      const { done, value } = await reader.read().catch(broken);
      if (done) return;
      yield* decoder.add(value);
    }
  }

  async #open(lastEventId: string | null): Promise<Response> {
    const { method, headers, body, credentials } = this.#options;
    // A method of `window` that must not be called as one of another object.
    const send = this.#options.fetch ?? globalThis.fetch.bind(globalThis);
    const all: Record<string, string> = { accept: "text/event-stream", ...headers };
    if (lastEventId !== null) all["last-event-id"] = lastEventId;
    const init: RequestInit = { headers: all, signal: this.#ending.signal };
    if (method !== undefined) init.method = method;
    if (body !== undefined) init.body = body;
    if (credentials !== undefined) init.credentials = credentials;
    this.#alive();
    const response = await send(this.#url, init).catch(broken);
    // What a proxy says while the server behind it starts anew.
    if (response.status >= 502 && response.status <= 504 && lastEventId !== null) {
      return broken(await refused(response, ""));
    }
    return response;
  }
}

/** The error of a connection that could not be made, or was lost. */
function cut(cause: unknown): SseError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const error = new SseError(`The connection to the route broke: ${why}`);
  error.cause = cause;
  return error;
}

function broken(cause: unknown): never {
  throw new Broken("The connection broke.", { cause });
}

async function refused(response: Response, type: string): Promise<SseError> {
  const text = await response.text().catch(() => "");
  const said = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
  if (!response.ok) {
    return new SseError(`The route answered ${response.status}: ${said}`, {
      status: response.status,
    });
  }
  return new SseError(
    `The route answered with ${type === "" ? "no type" : type} and not with text/event-stream. Give the ` +
      `response the headers of \`toSse\`. It said: ${said}`,
  );
}

/** The error that the server sent. */
function told(data: string): SseError {
  const error = parsed(data) as { name?: unknown; message?: unknown; code?: unknown };
  const code = typeof error.code === "string" ? error.code : null;
  return new SseError(`${String(error.name)}: ${String(error.message)}`, { code });
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw new SseError(`What the route sent is no event: ${data.slice(0, SHOWN)}`);
  }
}

/** Bytes in, frames out: the grammar of server-sent events. */
class Decoder {
  // It also takes a mark of the byte order away.
  readonly #bytes = new TextDecoder();
  #text = "";
  /** The text up to here holds no end of a line. */
  #looked = 0;
  #event = "";
  #id: string | null = null;
  #data: string[] = [];

  *add(bytes: Uint8Array): Generator<Frame, void, undefined> {
    this.#text += this.#bytes.decode(bytes, { stream: true });
    for (;;) {
      const line = this.#line();
      if (line === undefined) return;
      if (line !== "") this.#field(line);
      else {
        const frame = this.#dispatch();
        if (frame !== undefined) yield frame;
      }
    }
  }

  /** The next whole line, without its end: LF, CR, or both. */
  #line(): string | undefined {
    const text = this.#text;
    let at = this.#looked;
    while (at < text.length && text[at] !== "\n" && text[at] !== "\r") at += 1;
    // A CR at the very end may be half of the end of a line.
    if (at >= text.length - (text[at] === "\r" ? 1 : 0)) {
      this.#looked = at;
      return undefined;
    }
    const line = text.slice(0, at);
    this.#text = text.slice(at + (text[at] === "\r" && text[at + 1] === "\n" ? 2 : 1));
    this.#looked = 0;
    return line;
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const rest = colon < 0 ? "" : line.slice(colon + 1);
    const value = rest.startsWith(" ") ? rest.slice(1) : rest;
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
  }

  #dispatch(): Frame | undefined {
    const frame = { event: this.#event || "message", id: this.#id, data: this.#data.join("\n") };
    const empty = this.#data.length === 0;
    this.#event = "";
    this.#data = [];
    return empty ? undefined : frame;
  }
}
