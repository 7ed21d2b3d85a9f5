/**
 * Raccoon's responses, in JavaScript's names and types.
 */

import { take, timeOf } from "../shared/models.js";
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
  sessionId: string;
  /** The service's own key of the record; of no use elsewhere. */
  id: string | null;
  title: string;
  createdAt: Date | null;
  updatedAt: Date | null;
  /** The sandbox's files, by path. */
  files: Record<string, SandboxFile>;
  /** Every other field, as it came. */
  extra: Record<string, unknown>;
}

/** One entry of a session's history. */
export interface HistoryMessage {
  id: string;
  /** Who wrote it. */
  role: "user" | "agent";
  /** The text; may be empty where the events hold it. */
  content: string;
  createdAt: Date | null;
  /** The mode of a prompt's turn. */
  mode: string | null;
  /** Whether the turn was stopped. */
  aborted: boolean;
  files: Record<string, unknown>[];
  /** The turn's events. */
  events: TurnEvent[];
  /** Every other field, as it came. */
  extra: Record<string, unknown>;
}

/** A session with every message of every turn. */
export interface History {
  session: SessionRecord;
  messages: HistoryMessage[];
}

/** A file that was uploaded: pass it as it is in the `files` of a turn. */
export interface UploadedFile {
  key: string;
  name: string;
  /** The media type. */
  type: string;
  /** Bytes. */
  size: number;
  uploadedAt?: string;
}

/** What became of a `stop`. */
export interface StopResult {
  /** Whether the turn is over; false: the service did not confirm it in time. */
  confirmed: boolean;
  status: TurnStatus;
}

/** How far a turn's events were read: pass it to `client.attach` to go on. */
export interface ResumePoint {
  sessionId: string;
  messageId: string;
  lastStreamEntryId: string | null;
  lastEventId: number | null;
}

/** What a turn ended with. */
export interface TurnResult {
  /** The agent's answer. */
  text: string;
  /**
   * False where the frames can be read to another text too, and the history does not say which is
   * right: set `textMode` then.
   */
  textIsCertain: boolean;
  status: "completed" | "aborted" | (string & {});
  /** Why it was aborted, where it was and the service says. */
  reason: string | null;
  plan: TodoItem[];
  /** The sandbox's files, by path. */
  files: Record<string, SandboxFile>;
  sessionId: string;
  messageId: string;
  /** From the start of the turn, or from `attach`, to its end, in milliseconds. */
  duration: number;
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
  return {
    session: sessionInfoFrom(wire.session),
    messages: wire.messages.map(({ created_at, events, ...message }) => ({
      ...message,
      files: message.files as Record<string, unknown>[],
      createdAt: timeOf(created_at),
      events: events.map((frame) => turnEventFromFrame(JSON.stringify(frame))),
    })),
  };
}

/** @internal */
export function turnResultFrom(wire: WireTurnResult): TurnResult {
  const { session_id, message_id, duration, plan, files, text_is_certain, ...result } = wire;
  return {
    ...result,
    textIsCertain: text_is_certain,
    plan: plan as unknown as TodoItem[],
    files: files as Record<string, SandboxFile>,
    sessionId: session_id,
    messageId: message_id,
    duration: duration * 1000,
  };
}
