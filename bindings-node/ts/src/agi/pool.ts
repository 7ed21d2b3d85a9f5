/**
 * A pool: sessions that are shared, and never more than so many of them.
 */

import type { NativeClient, NativeSessionPool } from "../native.js";
import { CALL, type CallOptions, execute, seconds } from "../shared/calls.js";
import { known, type Names } from "../shared/known.js";
import { traceLike } from "../shared/telemetry.js";
import { Session, type SnapshotOptions } from "./session.js";

/** What `session` and `withSession` of a pool accept. */
export interface PoolSessionOptions extends CallOptions {
  /** Milliseconds to wait for a free session; then `TaskTimeout`. Default: no limit. */
  timeout?: number | undefined;
}

const POOL_SESSION: Names<PoolSessionOptions> = { ...CALL, timeout: true };

/** What `release` accepts. */
export interface ReleaseOptions {
  /** Whether the session is to be deleted and not used again. Default: false. */
  discard?: boolean | undefined;
}

const RELEASE: Names<ReleaseOptions> = { discard: true };

/**
 * Sessions that are shared: each is given to one user at a time, and used again. Made by
 * `client.sessions.pool`; close it, or let `await using` do so.
 */
export class SessionPool implements AsyncDisposable {
  readonly #client: NativeClient;
  readonly #native: NativeSessionPool;
  readonly #snapshot: SnapshotOptions;

  /** @internal */
  constructor(client: NativeClient, native: NativeSessionPool, snapshot: SnapshotOptions) {
    this.#client = client;
    this.#native = native;
    this.#snapshot = snapshot;
  }

  /**
   * A session, once one is free; first come, first served. Give it back with `release`, or let `await using` do
   * so: a session that is not given back is lost to the pool.
   */
  async session(options: PoolSessionOptions = {}): Promise<PooledSession> {
    const { timeout, signal } = known(options, POOL_SESSION);
    const operation = { op: "acquire" as const, timeout: seconds("timeout", timeout) };
    const { lease, session } = await execute(this.#native, operation, signal);
    // The pool lives as long as one of its sessions is out.
    const release = (discard: boolean) =>
      execute(this.#native, { op: "release", lease, discard }, undefined);
    const client = this.#client.leased(this.#native, lease) ?? this.#client;
    traceLike(this.#client, client);
    return new PooledSession(new Session(client, session, this.#snapshot), release);
  }

  /**
   * Runs `work` with a session and gives what it gives. The session is used again afterwards, unless `work`
   * throws, its task still runs, or it is too old: then it is deleted, and another one takes its place.
   */
  async withSession<T>(
    work: (session: Session) => T | Promise<T>,
    options: PoolSessionOptions = {},
  ): Promise<T> {
    const pooled = await this.session(options);
    let discard = true;
    try {
      const outcome = await work(pooled.session);
      discard = false;
      return outcome;
    } finally {
      await pooled.release({ discard });
    }
  }

  /**
   * Ends it: whoever waits gets an error, and what nobody uses is deleted; the others are deleted once they are
   * given back. Can be called twice.
   */
  async close(): Promise<void> {
    await execute(this.#native, { op: "close" }, undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A session of a pool, until it is given back. */
export class PooledSession implements AsyncDisposable {
  /** The session. Do not delete it: give it back. */
  readonly session: Session;
  #release: ((discard: boolean) => Promise<unknown>) | undefined;

  /** @internal */
  constructor(session: Session, release: (discard: boolean) => Promise<unknown>) {
    this.session = session;
    this.#release = release;
  }

  /** Gives it back. Can be called twice. Waits for its delete, where it is deleted. */
  async release(options: ReleaseOptions = {}): Promise<void> {
    const { discard = false } = known(options, RELEASE);
    const release = this.#release;
    this.#release = undefined;
    await release?.(discard);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
