/**
 * A task or a turn for a browser: server-sent events, which `sessionwire/browser` reads.
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import type { AgiEvent } from "./agi/events.js";
import { Task } from "./agi/task.js";
import { InvalidRequestError, SessionwireError } from "./errors.js";
import type { TurnEvent } from "./raccoon/events.js";
import { Turn } from "./raccoon/turn.js";
import { checkSignal } from "./shared/calls.js";
import { known, type Names } from "./shared/known.js";
import {
  type Frames,
  heartbeatOf,
  SSE_HEADERS,
  type SseBodyOptions,
  sseBody,
} from "./shared/sse.js";
import { warn } from "./shared/warn.js";

/**
 * What can end with a stream: a task is cancelled and a turn stopped where it did not end by itself; what
 * can be disposed of is disposed of; a function is called.
 */
export type Owned = Task | Turn | AsyncDisposable | Disposable | (() => unknown);

/** How a task is sent to a browser. */
export interface SseOptions extends SseBodyOptions {
  /**
   * Gives each event an id with which a browser can go on: the handle of the task up to there, signed
   * with this text of at least 16 characters. `resumeHandle` reads it. Default: no ids.
   */
  secret?: string | undefined;
  /**
   * What ends with the stream, in this order: when the browser is gone, when the stream fails, and when
   * the task has ended, before the response ends. Default: nothing; the task goes on.
   */
  owns?: Iterable<Owned> | undefined;
}

const SSE: Names<SseOptions> = {
  heartbeat: true,
  signal: true,
  secret: true,
  owns: true,
};

/** The body and the headers of a response: `new Response(sse.body, sse)`. */
export interface Sse<Event = AgiEvent> {
  /** The events as server-sent events; a comment at once, and in every silence. */
  readonly body: ReadableStream<Uint8Array>;
  /** Names in lower case. They keep proxies from holding events back. */
  readonly headers: Record<string, string>;
  /** Only in the types: what the events are. */
  readonly events?: Event;
}

/** What has events for a browser: a task, a turn, or the events of a session. */
export interface SseSource<Event> extends AsyncIterable<Event> {
  /** Frees what it reads from. */
  close?: (() => Promise<void>) | undefined;
}

/** What has the headers of a request: of the web, or of Node. */
export interface WithHeaders {
  /** The headers. */
  headers: { get(name: string): string | null } | { [name: string]: string | string[] | undefined };
}

/**
 * The events of a task, a turn or a session as the body and the headers of a response. The stream takes
 * the place of every loop over the same task, and frees its socket at the end. A browser that is gone
 * leaves the task as it is, unless the stream `owns` it.
 *
 * @example
 * ```ts
 * export async function POST(request: Request): Promise<Response> {
 *   const { message } = (await request.json()) as { message: string };
 *   const session = await client.sessions.create();
 *   const task = await session.startTask(message);
 *   const sse = toSse(task, { signal: request.signal, owns: [task, session] });
 *   return new Response(sse.body, sse);
 * }
 * ```
 */
export function toSse<Event extends AgiEvent | TurnEvent>(
  source: SseSource<Event>,
  options: SseOptions = {},
): Sse<Event> {
  const { secret, signal, owns = [] } = known(options, SSE);
  if (typeof source?.[Symbol.asyncIterator] !== "function") {
    throw new InvalidRequestError(
      "`source` has no events. Pass a task, a turn, or what `session.events()` gives.",
    );
  }
  checkSignal(signal);
  heartbeatOf(options);
  if (secret !== undefined) checkSecret(secret);
  const owned = [...owns];
  for (const one of owned) {
    if (release(one) === undefined) {
      throw new InvalidRequestError(
        "`owns` has something that cannot be released. Pass tasks, turns, sessions, clients, or functions.",
      );
    }
  }
  return {
    body: sseBody(new Events(source, secret, owned), options),
    headers: { ...SSE_HEADERS },
  };
}

/**
 * The handle in the `Last-Event-ID` of a request, or in an id that a browser sent otherwise; null where
 * there is none: then the browser is new. Throws an `InvalidRequestError` where `toSse` did not give it
 * out with this secret: answer with 400.
 */
export function resumeHandle(
  from: WithHeaders | string | null | undefined,
  secret: string,
): string | null {
  checkSecret(secret);
  const id = typeof from === "string" || from == null ? from : lastEventId(from);
  if (id === undefined || id === null || id === "") return null;
  const at = id.lastIndexOf(".");
  const handle = id.slice(0, Math.max(0, at));
  const given = Buffer.from(id.slice(at + 1));
  const right = Buffer.from(signature(handle, secret));
  if (given.length === right.length && timingSafeEqual(given, right)) return handle;
  throw new InvalidRequestError(
    "The id of the last event was not given out with this `secret`. Answer with 400; where the secret " +
      "is new, the browser has to start again.",
  );
}

function lastEventId({ headers }: WithHeaders): string | null | undefined {
  if (typeof headers?.get === "function") return headers.get("last-event-id");
  const value = (headers as Record<string, unknown> | undefined)?.["last-event-id"];
  if (typeof value === "string" || (value === undefined && headers != null)) return value;
  throw new InvalidRequestError(
    "`from` has no headers that can be read. Pass the request, or the id itself.",
  );
}

function checkSecret(secret: unknown): void {
  if (typeof secret === "string" && secret.length >= 16) return;
  const given = typeof secret === "string" ? `one of ${secret.length}` : typeof secret;
  throw new InvalidRequestError(
    `\`secret\` must be a text of at least 16 characters, not ${given}. Pass one that only your ` +
      "servers know, the same in each of them.",
  );
}

function signature(handle: string, secret: string): string {
  const text = `sessionwire last-event-id\n${handle}`;
  return createHmac("sha256", secret).update(text).digest("base64url");
}

/** The events of one source, and what ends with them. */
class Events<Event extends AgiEvent | TurnEvent> implements Frames {
  readonly #source: SseSource<Event>;
  readonly #events: AsyncIterator<Event>;
  readonly #secret: string | undefined;
  readonly #owned: readonly Owned[];
  /** All frames were made. */
  #over = false;
  /** The source came to its end by itself. */
  #ended = false;

  constructor(source: SseSource<Event>, secret: string | undefined, owned: readonly Owned[]) {
    this.#source = source;
    this.#events = source[Symbol.asyncIterator]();
    this.#secret = secret;
    this.#owned = owned;
  }

  async next(): Promise<string | null> {
    if (this.#over) return null;
    try {
      const { done, value } = await this.#events.next();
      if (!done) return `${this.#id()}data: ${JSON.stringify(value)}\n\n`;
      this.#over = true;
      this.#ended = true;
      return "event: end\ndata: {}\n\n";
    } catch (error) {
      this.#over = true;
      return `event: failure\ndata: ${JSON.stringify(failure(error))}\n\n`;
    }
  }

  /** The place after the event that was taken last. */
  #id(): string {
    const source: unknown = this.#source;
    if (this.#secret === undefined || !(source instanceof Task || source instanceof Turn))
      return "";
    const handle = source.handle();
    return `id: ${handle}.${signature(handle, this.#secret)}\n`;
  }

  async leave(): Promise<void> {
    const ended = this.#ended;
    for (const one of this.#owned) {
      if (ended && (one instanceof Task || one instanceof Turn)) continue;
      try {
        await release(one)?.();
      } catch (error) {
        warn("What a stream of server-sent events owns could not be released", error);
      }
    }
    try {
      if (this.#source.close === undefined) await this.#events.return?.();
      else await this.#source.close();
    } catch (error) {
      warn("A stream of server-sent events could not be closed", error);
    }
  }
}

/** What releases it; undefined where nothing does. */
function release(owned: Owned): (() => unknown) | undefined {
  if (owned instanceof Task) return () => owned.cancel();
  if (owned instanceof Turn) return () => owned.stop();
  if (typeof owned === "function") return owned;
  const disposable = owned as Partial<AsyncDisposable & Disposable> | null | undefined;
  const dispose = disposable?.[Symbol.asyncDispose] ?? disposable?.[Symbol.dispose];
  if (typeof dispose !== "function") return undefined;
  return () => (dispose as () => unknown).call(disposable);
}

/** An error for the other side: no stack, and no more than a person may read. */
function failure(error: unknown): { name: string; message: string; code: string | null } {
  const ours = error instanceof SessionwireError;
  return {
    name: ours ? error.constructor.name : "Error",
    message: error instanceof Error ? error.message : String(error),
    code: ours ? error.code : null,
  };
}
