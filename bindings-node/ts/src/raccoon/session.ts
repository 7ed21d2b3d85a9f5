/**
 * A session of Raccoon, and the session resource of a client.
 */

import { inspect } from "node:util";
import type { DeleteResult, SuccessResult } from "../agi/models.js";
import { warn } from "../agi/session.js";
import type { NativeRaccoonClient } from "../native.js";
import { type CallOptions, count, execute, text } from "../shared/calls.js";
import { type FileOptions, type UploadInput, upload } from "./media.js";
import {
  type History,
  historyFrom,
  type SessionRecord,
  sessionInfoFrom,
  type TurnResult,
  type UploadedFile,
  type WireHistory,
  type WireSessionInfo,
} from "./models.js";
import {
  type RunTurnOptions,
  runTurn,
  type StartTurnOptions,
  startTurn,
  type Turn,
} from "./turn.js";

/** How a session is used. */
export interface RaccoonSessionOptions {
  /** Deletes the session at the end of an `await using` block. Default: false: sessions persist. */
  deleteOnExit?: boolean | undefined;
}

/** One session: a workspace with files and a conversation that persist between turns. */
export class RaccoonSession implements AsyncDisposable {
  readonly #native: NativeRaccoonClient;
  #deleteOnExit: boolean;
  /** The UUID that names it. */
  readonly sessionId: string;

  /** @internal */
  constructor(
    native: NativeRaccoonClient,
    sessionId: string,
    { deleteOnExit = false }: RaccoonSessionOptions = {},
  ) {
    this.#native = native;
    this.#deleteOnExit = deleteOnExit;
    this.sessionId = sessionId;
  }

  /** Starts a turn. The signal also ends the reading of its events. */
  startTurn(prompt: string, options: StartTurnOptions = {}): Promise<Turn> {
    return startTurn(this.#native, this.sessionId, prompt, options);
  }

  /**
   * Runs a turn to its end and gives its result. Rejects with `TaskError` if it failed, with
   * `TaskTimeout` after `timeout`.
   */
  runTurn(prompt: string, options: RunTurnOptions = {}): Promise<TurnResult> {
    return runTurn(this.#native, this.sessionId, prompt, options);
  }

  /** Reads the session with every message of every turn. */
  history(options: CallOptions = {}): Promise<History> {
    return get(this.#native, this.sessionId, options);
  }

  /** Gives it another title: 1 to 255 characters. */
  rename(title: string, options: CallOptions = {}): Promise<SuccessResult> {
    return rename(this.#native, this.sessionId, title, options);
  }

  /** Deletes it; one that is gone already is no error. A running turn ends. */
  async delete(options: CallOptions = {}): Promise<DeleteResult> {
    const result = await remove(this.#native, this.sessionId, options);
    this.#deleteOnExit = false;
    return result;
  }

  /** Uploads a file for its turns. */
  upload(file: UploadInput, options: FileOptions = {}): Promise<UploadedFile> {
    return upload(this.#native, file, { ...options, sessionId: this.sessionId });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#deleteOnExit) return;
    try {
      await this.delete();
    } catch (error) {
      warn(`The session ${this.sessionId} could not be deleted`, error);
    }
  }

  toJSON(): object {
    return { sessionId: this.sessionId };
  }

  [inspect.custom](_depth: number, options: object): string {
    return `RaccoonSession ${inspect(this.toJSON(), options)}`;
  }
}

/** What `list` accepts. */
export interface ListSessionsOptions extends CallOptions {
  /** Only sessions that match this text. */
  search?: string | undefined;
  /** How many are asked for at once: 1 to 100. */
  limit?: number | undefined;
  /** Default: the service's, `updatedAt`. */
  sortBy?: "updatedAt" | "createdAt" | "title" | (string & {}) | undefined;
  /** Default: the service's, `desc`. */
  sortOrder?: "asc" | "desc" | undefined;
}

interface WirePage {
  sessions: WireSessionInfo[];
  last: boolean;
}

/** `client.sessions` */
export class RaccoonSessions {
  readonly #native: NativeRaccoonClient;

  /** @internal */
  constructor(native: NativeRaccoonClient) {
    this.#native = native;
  }

  /** The sessions, page by page as the loop goes on. */
  async *list(options: ListSessionsOptions = {}): AsyncGenerator<SessionRecord, void, void> {
    const { search, limit, sortBy, sortOrder, signal } = options;
    const known = new Set<string>();
    for (let page = 1; ; page += 1) {
      const operation = {
        op: "list_sessions",
        // The first page is what the service gives anyway.
        page: page === 1 ? undefined : page,
        limit: count("limit", limit),
        search,
        sort_by: sortBy,
        sort_order: sortOrder,
      };
      const { sessions, last } = await execute<WirePage>(this.#native, operation, signal);
      const fresh = sessions.filter(({ session_id }) => !known.has(session_id));
      for (const session of fresh) {
        known.add(session.session_id);
        yield sessionInfoFrom(session);
      }
      // A service that ignores the page's number repeats itself.
      if (last || fresh.length === 0) return;
    }
  }

  /** Reads a session with every message of every turn. */
  get(sessionId: string, options: CallOptions = {}): Promise<History> {
    return get(this.#native, sessionId, options);
  }

  /** Gives a session another title: 1 to 255 characters. */
  rename(sessionId: string, title: string, options: CallOptions = {}): Promise<SuccessResult> {
    return rename(this.#native, sessionId, title, options);
  }

  /** Deletes a session; one that is gone already is no error. */
  delete(sessionId: string, options: CallOptions = {}): Promise<DeleteResult> {
    return remove(this.#native, sessionId, options);
  }
}

async function get(
  client: NativeRaccoonClient,
  sessionId: string,
  options: CallOptions,
): Promise<History> {
  const operation = { op: "get_session", session_id: text("sessionId", sessionId) };
  return historyFrom(await execute<WireHistory>(client, operation, options.signal));
}

function rename(
  client: NativeRaccoonClient,
  sessionId: string,
  title: string,
  options: CallOptions,
): Promise<SuccessResult> {
  const operation = {
    op: "rename_session",
    session_id: text("sessionId", sessionId),
    title: text("title", title),
  };
  return execute(client, operation, options.signal);
}

function remove(
  client: NativeRaccoonClient,
  sessionId: string,
  options: CallOptions,
): Promise<DeleteResult> {
  const operation = { op: "delete_session", session_id: text("sessionId", sessionId) };
  return execute(client, operation, options.signal);
}
