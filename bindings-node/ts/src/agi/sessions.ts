/**
 * The session resource of a client.
 */

import { errorFrom, InvalidRequestError, orThrow, type SessionwireError } from "../errors.js";
import type { NativeClient } from "../native.js";
import {
  CALL,
  type CallOptions,
  check,
  count,
  execute,
  seconds,
  secondsOrNone,
  text,
  texts,
} from "../shared/calls.js";
import { known, type Names } from "../shared/known.js";
import { type DeleteResult, parseTime } from "../shared/models.js";
import type { SessionStatus } from "./models.js";
import { SessionPool } from "./pool.js";
import type {
  CreateSession,
  PoolOptions as SeamPoolOptions,
  CleanupReport as WireReport,
} from "./seam.js";
import {
  DELETE,
  type DeleteOptions,
  Session,
  SNAPSHOT,
  type SnapshotOptions,
  snapshotOptions,
} from "./session.js";

/** Parameters of `create`. What is not set is not sent. */
export interface CreateSessionOptions extends SnapshotOptions, CallOptions {
  /** The agent. Default: `agi-0`. */
  agentName?: string | undefined;
  /** Where the service reports events; http or https. */
  webhookUrl?: string | undefined;
  /** Restores the snapshot of this deleted session. */
  restoreFromSessionId?: string | undefined;
  /** Restores this user's default environment. */
  restoreDefaultEnvironmentFromUserId?: string | undefined;
  /** Whether a restore may use the faster memory snapshot. */
  enableMemorySnapshot?: boolean | undefined;
  /** Extra: the session's goal. */
  goal?: string | undefined;
  /** Extra: the most steps of a task. */
  maxSteps?: number | undefined;
  /** Extra: restores this environment. */
  restoreFromEnvironmentId?: string | undefined;
  /** Extra: `managed-cdp`, `external-cdp` or `desktop`. */
  agentSessionType?: string | undefined;
  /** Extra: the browser to drive, for `external-cdp`. */
  cdpUrl?: string | undefined;
  /** Extra: `chrome-1` or `ubuntu-1`. */
  environmentType?: string | undefined;
  /** Fields that this version does not know, as they go on the wire; they win over the others. */
  extraBody?: Record<string, unknown> | undefined;
  /**
   * Milliseconds that the call may wait for the service's limits, within the client's `timeout`.
   * Default: as the client does.
   */
  waitForLimit?: number | undefined;
}

/** @internal */
export const CREATE: Names<CreateSessionOptions> = {
  ...CALL,
  ...SNAPSHOT,
  agentName: true,
  webhookUrl: true,
  restoreFromSessionId: true,
  restoreDefaultEnvironmentFromUserId: true,
  enableMemorySnapshot: true,
  goal: true,
  maxSteps: true,
  restoreFromEnvironmentId: true,
  agentSessionType: true,
  cdpUrl: true,
  environmentType: true,
  extraBody: true,
  waitForLimit: true,
};

/** Which sessions `list` gives. */
export interface FilterSessionsOptions extends CallOptions {
  /** Only those with this status, such as `running`, or one of these. Default: all. */
  status?: SessionStatus | readonly string[] | undefined;
}

const LIST: Names<FilterSessionsOptions> = {
  ...CALL,
  status: true,
};

/** Which sessions `cleanup` deletes. */
export interface CleanupOptions extends CallOptions {
  /**
   * Only sessions created more than so many milliseconds ago, by this machine's clock; those without
   * a readable time are kept then.
   */
  olderThan?: number | undefined;
  /** Only sessions with one of these statuses; `any` stands for all. Default: `completed` and `error`. */
  statuses?: readonly string[] | "any" | undefined;
}

const CLEANUP: Names<CleanupOptions> = {
  ...CALL,
  olderThan: true,
  statuses: true,
};

/** What `cleanup` did with one session that matched. */
export interface CleanupReport {
  /** Which session. */
  sessionId: string;
  /** Its status before. */
  status: SessionStatus;
  /** Null where it cannot be read. */
  createdAt: Date | null;
  /** Whether it was deleted; false also where it was gone. */
  deleted: boolean;
  /** Why it could not be deleted, or null. */
  error: SessionwireError | null;
}

/** What `pool` takes. The parameters of `create` are for each session. */
export interface PoolOptions extends Omit<CreateSessionOptions, "signal"> {
  /** Milliseconds after which a session is deleted when it is given back. Default: no limit. */
  maxAge?: number | undefined;
  /**
   * Milliseconds that a wait without a timeout may take where the service allows no more sessions and none of the
   * pool will be free. Default: as the client does.
   */
  waitForLimit?: number | undefined;
}

const { signal: _, ...CREATED } = CREATE;

const POOL: Names<PoolOptions> = { ...CREATED, maxAge: true };

/** What `reap` takes. */
export interface ReapOptions extends CallOptions {
  /** Only sessions created more than so many milliseconds ago, by the ledger. */
  olderThan?: number | undefined;
}

const REAP: Names<ReapOptions> = {
  ...CALL,
  olderThan: true,
};

/**
 * What became of something that a dead process left: `gone` was gone already, `failed` is tried again by the
 * next `reap`, and of `perhaps` nobody knows whether there is such a session, or whether its process lives.
 */
export type ReapOutcome = "deleted" | "gone" | "failed" | "perhaps";

/** What `reap` found of one session that a dead process left, or may have left. */
export interface ReapReport {
  /** What became of it. */
  outcome: ReapOutcome;
  /** Null for a create whose answer never came, which is told once. */
  sessionId: string | null;
  /** The agent that it was created with. */
  agentName: string;
  /** When it was created, or was to be, by the clock of that process. */
  createdAt: Date | null;
  /** Whether a task was sent whose end the ledger does not know. */
  working: boolean;
  /** Why it could not be deleted, or null. */
  error: SessionwireError | null;
}

/** `client.sessions` */
export class Sessions {
  readonly #native: NativeClient;

  /** @internal */
  constructor(native: NativeClient) {
    this.#native = native;
  }

  /**
   * Creates a session. `saveSnapshotMode` and `saveAsDefault` say what the delete at the end of an
   * `await using` block keeps.
   */
  async create(options: CreateSessionOptions = {}): Promise<Session> {
    if (typeof options === "string") {
      throw new InvalidRequestError(
        `The options must be an object, not a string. Pass { agentName: "${options}" }.`,
      );
    }
    const { saveSnapshotMode, saveAsDefault } = known(options, CREATE);
    // The delete may be far away: what it keeps is checked now.
    check({
      check: "snapshot",
      save_snapshot_mode: saveSnapshotMode,
      save_as_default: saveAsDefault,
    });
    const info = await execute(
      this.#native,
      { op: "create_session", ...createParams(options) },
      options.signal,
    );
    return new Session(this.#native, info, { saveSnapshotMode, saveAsDefault });
  }

  /** The sessions of this key: all, or those with a `status`. */
  async list(options: FilterSessionsOptions = {}): Promise<Session[]> {
    const { status, signal } = known(options, LIST);
    const statuses = texts("status", typeof status === "string" ? [status] : (status ?? undefined));
    const infos = await execute(this.#native, { op: "list_sessions", status: statuses }, signal);
    return infos.map((info) => new Session(this.#native, info));
  }

  /**
   * The newest session of this agent that rests (its status is `ready` or `completed`); where there is none, a
   * new one, as `create` makes it. What a session that is found was created with is not looked at. Two callers
   * at once may find the same.
   */
  async findOrCreate(options: CreateSessionOptions = {}): Promise<Session> {
    const { saveSnapshotMode, saveAsDefault, signal } = known(options, CREATE);
    check({
      check: "snapshot",
      save_snapshot_mode: saveSnapshotMode,
      save_as_default: saveAsDefault,
    });
    const operation = { op: "find_or_create" as const, create: createParams(options) };
    const info = await execute(this.#native, operation, signal);
    return new Session(this.#native, info, { saveSnapshotMode, saveAsDefault });
  }

  /** A session with its fields. */
  async get(sessionId: string, options: CallOptions = {}): Promise<Session> {
    const operation = { op: "get_session" as const, session_id: text("sessionId", sessionId) };
    const { signal } = known(options, CALL);
    return new Session(this.#native, await execute(this.#native, operation, signal));
  }

  /** A handle on a session, without a request: its fields are empty until `refresh()`. */
  attach(sessionId: string): Session {
    check({ check: "session_id", session_id: text("sessionId", sessionId) });
    return new Session(this.#native, {
      session_id: sessionId,
      agent_name: "",
      status: "",
      created_at: null,
      vnc_url: null,
    });
  }

  /** Deletes a session; for one that is gone already `deleted` is false. */
  delete(sessionId: string, options: DeleteOptions = {}): Promise<DeleteResult> {
    return execute(
      this.#native,
      {
        op: "delete_session",
        session_id: text("sessionId", sessionId),
        snapshot: snapshotOptions(known(options, DELETE)),
      },
      options.signal,
    );
  }

  /**
   * Deletes the sessions of this key that match, and says what became of each. A delete that fails
   * is the `error` of its report.
   */
  async cleanup(options: CleanupOptions = {}): Promise<CleanupReport[]> {
    const { statuses } = known(options, CLEANUP);
    if (typeof statuses === "string" && statuses !== "any") {
      throw new InvalidRequestError(
        `\`statuses\` is a string. Pass a list of statuses, such as ["${statuses}"], or "any" for all.`,
      );
    }
    const operation = {
      op: "cleanup" as const,
      older_than: secondsOrNone("olderThan", options.olderThan),
      statuses: texts("statuses", statuses === "any" ? [statuses] : statuses),
    };
    return (await execute(this.#native, operation, options.signal)).map(cleanupReport);
  }

  /**
   * Deletes the sessions that this client and its copies created and did not delete, and says what became of
   * each. `deleteSessionsOnExit` of the client does it at the end of the process. Only their ids are known:
   * `status` of a report is empty. A delete that fails is the `error` of its report.
   */
  async deleteCreated(options: CallOptions = {}): Promise<CleanupReport[]> {
    const { signal } = known(options, CALL);
    return (await execute(this.#native, { op: "delete_created" }, signal)).map(cleanupReport);
  }

  /**
   * A pool of at most `maxSessions` sessions: they are created as they are needed, shared, and used again.
   */
  pool(maxSessions: number, options: PoolOptions = {}): SessionPool {
    const { maxAge } = known(options, POOL);
    const plan: SeamPoolOptions = {
      max_sessions: count("maxSessions", maxSessions) as number,
      max_age: seconds("maxAge", maxAge),
      create: createParams(options),
    };
    const native = orThrow(this.#native.pool(JSON.stringify(plan)));
    const { saveSnapshotMode, saveAsDefault } = options;
    return new SessionPool(this.#native, native, { saveSnapshotMode, saveAsDefault });
  }

  /**
   * Deletes the sessions that dead processes left, by the client's `ledger`, and says what became of each. It
   * touches nothing of a process that lives. A delete that fails is the `error` of its report.
   */
  async reap(options: ReapOptions = {}): Promise<ReapReport[]> {
    const { olderThan, signal } = known(options, REAP);
    const operation = { op: "reap" as const, older_than: secondsOrNone("olderThan", olderThan) };
    const reports = await execute(this.#native, operation, signal);
    return reports.map(({ outcome, session_id, agent_name, created_at, working, error }) => ({
      outcome,
      sessionId: session_id,
      agentName: agent_name,
      createdAt: parseTime(created_at),
      working,
      error: error === null ? null : errorFrom({ error: JSON.stringify(error) }),
    }));
  }

  /**
   * Hands a session over to whoever keeps its id, such as a workflow: from here on `reap` leaves it alone, whichever
   * processes use it and die. Makes no request, and does nothing for a client without a `ledger`. A session of
   * `await using` is deleted all the same.
   */
  async release(sessionId: string): Promise<void> {
    const operation = {
      op: "release_session" as const,
      session_id: text("sessionId", sessionId),
    };
    await execute(this.#native, operation, undefined);
  }

  /** Deletes all sessions of this key. This cannot be undone. */
  deleteAll(options: CallOptions = {}): Promise<DeleteResult> {
    return execute(this.#native, { op: "delete_all_sessions" }, known(options, CALL).signal);
  }
}

function cleanupReport(wire: WireReport): CleanupReport {
  const { session_id, status, created_at, deleted, error } = wire;
  return {
    sessionId: session_id,
    status,
    createdAt: parseTime(created_at),
    deleted,
    error: error === null ? null : errorFrom({ error: JSON.stringify(error) }),
  };
}

/**
 * The parameters of `create` in the core's words.
 * @internal
 */
export function createParams(options: CreateSessionOptions): CreateSession {
  return {
    agent_name: options.agentName,
    webhook_url: options.webhookUrl,
    restore_from_session_id: options.restoreFromSessionId,
    restore_default_environment_from_user_id: options.restoreDefaultEnvironmentFromUserId,
    enable_memory_snapshot: options.enableMemorySnapshot,
    goal: options.goal,
    max_steps: count("maxSteps", options.maxSteps),
    restore_from_environment_id: options.restoreFromEnvironmentId,
    agent_session_type: options.agentSessionType,
    cdp_url: options.cdpUrl,
    environment_type: options.environmentType,
    snapshot: snapshotOptions(options),
    extra_body: options.extraBody,
    wait_for_limit: secondsOrNone("waitForLimit", options.waitForLimit),
  };
}
