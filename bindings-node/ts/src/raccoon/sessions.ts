/**
 * The session resource of a client.
 */

import type { NativeRaccoonClient } from "../native.js";
import { CALL, type CallOptions, count, execute } from "../shared/calls.js";
import { known, type Names } from "../shared/known.js";
import type { DeleteResult, SuccessResult } from "../shared/models.js";
import { type History, type SessionRecord, sessionInfoFrom } from "./models.js";
import { deleteSession, getSession, renameSession } from "./session.js";

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

const LIST: Names<ListSessionsOptions> = {
  ...CALL,
  search: true,
  limit: true,
  sortBy: true,
  sortOrder: true,
};

/** `client.sessions` */
export class RaccoonSessions {
  readonly #native: NativeRaccoonClient;

  /** @internal */
  constructor(native: NativeRaccoonClient) {
    this.#native = native;
  }

  /** The sessions, page by page as the loop goes on. */
  async *list(options: ListSessionsOptions = {}): AsyncGenerator<SessionRecord, void, void> {
    const { search, limit, sortBy, sortOrder, signal } = known(options, LIST);
    const seen = new Set<string>();
    for (let page = 1; ; page += 1) {
      const operation = {
        op: "list_sessions" as const,
        // The first page is what the service gives anyway.
        page: page === 1 ? undefined : page,
        limit: count("limit", limit),
        search,
        sort_by: sortBy,
        sort_order: sortOrder,
      };
      const { sessions, last } = await execute(this.#native, operation, signal);
      const fresh = sessions.filter(({ session_id }) => !seen.has(session_id));
      for (const session of fresh) {
        seen.add(session.session_id);
        yield sessionInfoFrom(session);
      }
      // A service that ignores the page's number repeats itself.
      if (last || fresh.length === 0) return;
    }
  }

  /** Reads a session with every message of every turn. */
  get(sessionId: string, options: CallOptions = {}): Promise<History> {
    return getSession(this.#native, sessionId, options);
  }

  /** Gives a session another title: 1 to 255 characters. */
  rename(sessionId: string, title: string, options: CallOptions = {}): Promise<SuccessResult> {
    return renameSession(this.#native, sessionId, title, options);
  }

  /** Deletes a session; one that is gone already is no error. */
  delete(sessionId: string, options: CallOptions = {}): Promise<DeleteResult> {
    return deleteSession(this.#native, sessionId, options);
  }
}
