/**
 * Raccoon's responses, in JavaScript's names and types.
 */

import { take, timeOf } from "../shared/models.js";
import { jsonIn, type Validator, validated } from "../shared/results.js";
import { type SandboxFile, type TodoItem, type TurnEvent, turnEventFromFrame } from "./events.js";
import type {
  History as WireHistory,
  SessionInfo as WireSessionInfo,
  TurnResult as WireTurnResult,
} from "./seam.js";

/** Where a turn is. Values that this version does not know stay as they are. */
export type TurnStatus =
  | "submitted"
  | "queued"
  | "running"
  | "completed"
  | "aborted"
  | "failed"
  | "unknown"
  | (string & {});

/** A session as the service describes it. */
export interface SessionRecord {
  /** The UUID that names it. */
  sessionId: string;
  /** The service's own key of the record; of no use elsewhere. */
  id: string | null;
  /** Its title; may be empty. */
  title: string;
  /** When it was created; null where the service does not say, or not so that it can be read. */
  createdAt: Date | null;
  /** When it was changed last; null likewise. */
  updatedAt: Date | null;
  /** The sandbox's files, by path. */
  files: Record<string, SandboxFile>;
  /** Every other field, as it came. */
  extra: Record<string, unknown>;
}

/** One entry of a session's history. */
export interface HistoryMessage {
  /** What names it. */
  id: string;
  /** Who wrote it. */
  role: "user" | "agent";
  /** The text; may be empty where the events hold it. */
  content: string;
  /** The text: its content, or what its events say. */
  text: string;
  /** Where the turn of an agent's message is; null of a prompt. */
  status: TurnStatus | null;
  /** The agent's plan, as its events tell. */
  plan: TodoItem[];
  /** The sandbox's files by path, as its events tell. */
  sandboxFiles: Record<string, SandboxFile>;
  /** When it was written; null where the service does not say. */
  createdAt: Date | null;
  /** The mode of a prompt's turn. */
  mode: string | null;
  /** Whether the turn was stopped. */
  aborted: boolean;
  /** The files that came with it. */
  files: Record<string, unknown>[];
  /** The turn's events. */
  events: TurnEvent[];
  /** Every other field, as it came. */
  extra: Record<string, unknown>;
}

/** A session with every message of every turn. */
export interface History {
  /** The session as the service describes it. */
  session: SessionRecord;
  /** The messages, oldest first. */
  messages: HistoryMessage[];
  /** The agent's message of the newest turn; null where no turn was started. */
  lastTurn: HistoryMessage | null;
}

/** A file that was uploaded: pass it as it is in the `files` of a turn. */
export interface UploadedFile {
  /** Where the service keeps it. */
  key: string;
  /** Its name. */
  name: string;
  /** The media type. */
  type: string;
  /** Bytes. */
  size: number;
  /** When it was uploaded, as the service writes it. */
  uploadedAt?: string;
}

/** What became of a `stop`. */
export interface StopResult {
  /** Whether the turn is over; false: the service did not confirm it in time. */
  confirmed: boolean;
  /** Where the turn is. */
  status: TurnStatus;
}

/** How far a turn's events were read: pass it to `client.attach` to go on. */
export interface ResumePoint {
  /** The turn's session. */
  sessionId: string;
  /** The turn's agent message. */
  messageId: string;
  /** The place of the last event in the stream; null where it is not known. */
  lastStreamEntryId: string | null;
  /** The id of the last event; null where there was none. */
  lastEventId: number | null;
}

/** What a turn ended with. */
export class TurnResult {
  /** The agent's answer. */
  readonly text: string;
  /**
   * False where the frames can be read to another text too, and the history does not say which is
   * right: set `textMode` then.
   */
  readonly textIsCertain: boolean;
  /** How it ended. */
  readonly status: "completed" | "aborted" | (string & {});
  /** Why it was aborted, where it was and the service says. */
  readonly reason: string | null;
  /** The agent's plan at the end. */
  readonly plan: TodoItem[];
  /** The sandbox's files, by path. */
  readonly files: Record<string, SandboxFile>;
  /** The turn's session. */
  readonly sessionId: string;
  /** The turn's agent message: with the session it names the turn. */
  readonly messageId: string;
  /** From the start of the turn, or from `attach`, to its end, in milliseconds. */
  readonly duration: number;
  /** What else the turn's end said, named as on the wire: the usage, for example. */
  readonly extra: Record<string, unknown>;

  /** @internal */
  constructor(wire: WireTurnResult) {
    this.text = wire.text;
    this.textIsCertain = wire.text_is_certain;
    this.status = wire.status;
    this.reason = wire.reason;
    this.plan = wire.plan as unknown as TodoItem[];
    this.files = wire.files as Record<string, SandboxFile>;
    this.sessionId = wire.session_id;
    this.messageId = wire.message_id;
    this.duration = wire.duration * 1000;
    this.extra = wire.extra;
  }

  /**
   * The text as JSON: all of it, else the first code fence that is JSON, else the longest object or
   * list in it. Throws a `TaskError` with reason `no_json` if there is none.
   */
  json(): unknown {
    return jsonIn(this.text, this.sessionId);
  }

  /**
   * `json()`, checked and typed by a validator; what that throws comes through. The agent knows nothing
   * of the validator: say in the prompt which JSON it shall give.
   */
  parse<T>(validator: Validator<T>): T {
    return validated(this.json(), validator);
  }
}

/** @internal */
export function sessionInfoFrom(wire: WireSessionInfo): SessionRecord {
  const extra: Record<string, unknown> = { ...wire };
  return {
    sessionId: take(extra, "session_id", "string", ""),
    id: take<string | null>(extra, "id", "string", null),
    title: take(extra, "title", "string", ""),
    createdAt: timeOf(take<number | null>(extra, "created_at", "number", null)),
    updatedAt: timeOf(take<number | null>(extra, "updated_at", "number", null)),
    files: take(extra, "files", "object", {}),
    extra,
  };
}

/** @internal */
export function historyFrom(wire: WireHistory): History {
  const messages = wire.messages.map(({ created_at, events, plan, sandbox_files, ...message }) => ({
    ...message,
    plan: plan as unknown as TodoItem[],
    sandboxFiles: sandbox_files as Record<string, SandboxFile>,
    files: message.files as Record<string, unknown>[],
    createdAt: timeOf(created_at),
    events: events.map((frame) => turnEventFromFrame(JSON.stringify(frame))),
  }));
  const lastTurn = wire.last_turn === null ? undefined : messages[wire.last_turn];
  return { session: sessionInfoFrom(wire.session), messages, lastTurn: lastTurn ?? null };
}
