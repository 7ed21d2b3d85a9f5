/**
 * A session.
 */

import { inspect } from "node:util";
import { InvalidRequestError, orThrow } from "../errors.js";
import type { NativeRaccoonClient } from "../native.js";
import {
  CALL,
  type CallOptions,
  checkSignal,
  count,
  execute,
  seconds,
  text,
} from "../shared/calls.js";
import { throwIfAborted } from "../shared/foreign.js";
import { known, type Names } from "../shared/known.js";
import type { DeleteResult, SuccessResult } from "../shared/models.js";
import { carrying } from "../shared/telemetry.js";
import { warn } from "../shared/warn.js";
import { EventStream } from "../stream/stream.js";
import { type TurnEvent, turnEventAt } from "./events.js";
import {
  DIRECTORY,
  type DirectoryOptions,
  FILE,
  FILES,
  type FileInput,
  type FileOptions,
  type FilesOptions,
  type UploadInput,
  upload,
  uploadDirectory,
  uploadFiles,
} from "./media.js";
import {
  type History,
  type HistoryMessage,
  historyFrom,
  type ResumePoint,
  type TurnResult,
  type UploadedFile,
} from "./models.js";
import type { EventOptions, GivenPlace } from "./seam.js";
import {
  type PrepareTurnOptions,
  prepareTurn,
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

const SESSION: Names<RaccoonSessionOptions> = {
  deleteOnExit: true,
};

/** How a session is watched. */
export interface SessionEventsOptions extends CallOptions {
  /** Only events after this place: the last event that you had, or a resume point. */
  after?: ResumePoint | TurnEvent | undefined;
  /** Starts with the events that the session has already. Default: true. */
  includeHistory?: boolean | undefined;
  /** Milliseconds between two looks at the history, more than 0. Default: 2,000. */
  pollInterval?: number | undefined;
  /** Milliseconds after which the stream ends, without an error. Default: no limit. */
  timeout?: number | undefined;
  /** Looks that may fail in a row; at the next one the stream fails. Default: 6. */
  maxReconnects?: number | undefined;
}

const SESSION_EVENTS: Names<SessionEventsOptions> = {
  ...CALL,
  after: true,
  includeHistory: true,
  pollInterval: true,
  timeout: true,
  maxReconnects: true,
};

/** One session: a workspace with files and a conversation that persist between turns. */
export class RaccoonSession implements AsyncDisposable {
  readonly #native: NativeRaccoonClient;
  #deleteOnExit: boolean;
  /** The UUID that names it. */
  readonly sessionId: string;

  /** @internal */
  constructor(native: NativeRaccoonClient, sessionId: string, options: RaccoonSessionOptions = {}) {
    const { deleteOnExit = false } = known(options, SESSION);
    this.#native = native;
    this.#deleteOnExit = deleteOnExit;
    this.sessionId = sessionId;
  }

  /** Starts a turn. The signal also ends the reading of its events. */
  startTurn(prompt: string, options: StartTurnOptions = {}): Promise<Turn> {
    return startTurn(this.#native, this.sessionId, prompt, options);
  }

  /**
   * Prepares a turn without starting it, and gives its handle: `client.resume(handle)` starts it,
   * unless the session's history shows that it was started already. Keep the handle first, and the turn
   * is started at most once, whatever dies when. The handle holds the prompt and the other parameters,
   * no key; it may be longer than 200 bytes. `files` are what `upload` gave. Rejects with
   * `ConflictError` where a turn of the session has not ended.
   */
  prepareTurn(prompt: string, options: PrepareTurnOptions = {}): Promise<string> {
    return prepareTurn(this.#native, this.sessionId, prompt, options);
  }

  /**
   * Runs a turn to its end and gives its result. Rejects with `TaskError` if it failed, with
   * `TaskTimeout` after `timeout`.
   */
  runTurn(prompt: string, options: RunTurnOptions = {}): Promise<TurnResult> {
    return runTurn(this.#native, this.sessionId, prompt, options);
  }

  /**
   * Watches the session: its events over all its turns, whoever starts them, each once and in the order
   * of the history, which is read again and again. Each has the `messageId` of its turn. A session that
   * is not there yet is waited for: its first turn creates it. For the events of one turn as they
   * happen, iterate the turn.
   *
   * The stream ends with a `StreamError` where the session is deleted (`reason` is `session_gone`), where
   * its history cannot be read any more (`reconnect_failed`), or does not have the message of `after`
   * (`unknown_resume_point`). Its `messageId`, `lastEventId` and `lastStreamEntryId` say how far it was read.
   */
  events(options: SessionEventsOptions = {}): EventStream<TurnEvent> {
    const { signal } = known(options, SESSION_EVENTS);
    checkSignal(signal);
    throwIfAborted(signal);
    const wire: EventOptions = {
      after: placeOf(this.sessionId, options.after),
      include_history: options.includeHistory,
      poll_interval: seconds("pollInterval", options.pollInterval),
      timeout: seconds("timeout", options.timeout),
      max_reconnects: count("maxReconnects", options.maxReconnects),
    };
    const client = carrying(this.#native);
    const stream = orThrow(client.events(this.sessionId, JSON.stringify(wire)));
    return new EventStream(stream, turnEventAt, signal);
  }

  /** Reads the session with every message of every turn. */
  history(options: CallOptions = {}): Promise<History> {
    return getSession(this.#native, this.sessionId, options);
  }

  /**
   * Reads the agent's message of the session's newest turn, whoever started it; null where there is
   * none. Its `status` says where the turn is: no socket is needed. Rejects with `NotFoundError` where
   * the service knows no such session: its first turn creates it.
   */
  async lastTurn(options: CallOptions = {}): Promise<HistoryMessage | null> {
    return (await this.history(options)).lastTurn;
  }

  /** Gives it another title: 1 to 255 characters. */
  rename(title: string, options: CallOptions = {}): Promise<SuccessResult> {
    return renameSession(this.#native, this.sessionId, title, options);
  }

  /** Deletes it; one that is gone already is no error. A running turn ends. */
  async delete(options: CallOptions = {}): Promise<DeleteResult> {
    const result = await deleteSession(this.#native, this.sessionId, options);
    this.#deleteOnExit = false;
    return result;
  }

  /** Uploads a file for its turns. */
  upload(file: UploadInput, options: FileOptions = {}): Promise<UploadedFile> {
    return upload(this.#native, file, { ...known(options, FILE), sessionId: this.sessionId });
  }

  /** Uploads files for its turns, one after the other; see `client.media.uploadFiles`. */
  uploadFiles(files: Iterable<FileInput>, options: FilesOptions = {}): Promise<UploadedFile[]> {
    const { sessionId } = this;
    return uploadFiles(this.#native, files, { ...known(options, FILES), sessionId });
  }

  /** Uploads the files of a directory for its turns; see `client.media.uploadDirectory`. */
  uploadDirectory(directory: string, options: DirectoryOptions = {}): Promise<UploadedFile[]> {
    const { sessionId } = this;
    return uploadDirectory(this.#native, directory, { ...known(options, DIRECTORY), sessionId });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#deleteOnExit) return;
    const what = `The session ${this.sessionId} could not be deleted`;
    try {
      // Also where the client is closed meanwhile.
      const operation = { op: "end_session", session_id: this.sessionId } as const;
      const { success, message } = await execute(this.#native, operation, undefined);
      this.#deleteOnExit = !success;
      if (!success) warn(what, message);
    } catch (error) {
      warn(what, error);
    }
  }

  /** What `JSON.stringify` shows: its id. */
  toJSON(): object {
    return { sessionId: this.sessionId };
  }

  [inspect.custom](_depth: number, options: object): string {
    return `RaccoonSession ${inspect(this.toJSON(), options)}`;
  }
}

/** The place that a caller means: a resume point, or that of an event of the session. */
function placeOf(sessionId: string, after: unknown): GivenPlace | undefined {
  if (after === undefined) return undefined;
  if (typeof after === "object" && after !== null && "messageId" in after) {
    if ("lastEventId" in after) {
      const point = after as ResumePoint;
      return {
        session_id: text("after.sessionId", point.sessionId),
        message_id: text("after.messageId", point.messageId),
        last_stream_entry_id: point.lastStreamEntryId,
        last_event_id: point.lastEventId,
      };
    }
    if ("streamEntryId" in after) {
      const event = after as TurnEvent;
      return {
        session_id: sessionId,
        message_id: event.messageId ?? "",
        last_stream_entry_id: event.streamEntryId,
        last_event_id: event.id,
      };
    }
  }
  throw new InvalidRequestError(
    "`after` is neither an event of this session nor a resume point. Pass the last event that you had, or " +
      "an object with `sessionId`, `messageId`, `lastStreamEntryId` and `lastEventId`.",
  );
}

/** @internal */
export async function getSession(
  client: NativeRaccoonClient,
  sessionId: string,
  options: CallOptions,
): Promise<History> {
  const operation = { op: "get_session" as const, session_id: text("sessionId", sessionId) };
  const { signal } = known(options, CALL);
  return historyFrom(await execute(client, operation, signal));
}

/** @internal */
export function renameSession(
  client: NativeRaccoonClient,
  sessionId: string,
  title: string,
  options: CallOptions,
): Promise<SuccessResult> {
  const operation = {
    op: "rename_session" as const,
    session_id: text("sessionId", sessionId),
    title: text("title", title),
  };
  return execute(client, operation, known(options, CALL).signal);
}

/** @internal */
export function deleteSession(
  client: NativeRaccoonClient,
  sessionId: string,
  options: CallOptions,
): Promise<DeleteResult> {
  const operation = { op: "delete_session" as const, session_id: text("sessionId", sessionId) };
  return execute(client, operation, known(options, CALL).signal);
}
