/**
 * The service's responses, in JavaScript's names and types.
 */

import { parseTime, take } from "../shared/models.js";
import { jsonIn, type Validator, validated } from "../shared/results.js";
import type {
  Message as WireMessage,
  Messages as WireMessages,
  TaskResult as WireTaskResult,
} from "./seam.js";

/** The life-cycle status of a session. Values that this version does not know stay as they are. */
export type SessionStatus =
  | "initializing"
  | "ready"
  | "running"
  | "paused"
  | "completed"
  | "error"
  | "terminated"
  | (string & {});

/** The status of a task. Values that this version does not know stay as they are. */
export type ExecutionStatus =
  | "running"
  | "waiting_for_input"
  | "finished"
  | "error"
  | (string & {});

/** The type of a message. Values that this version does not know stay as they are. */
export type MessageType =
  | "THOUGHT"
  | "QUESTION"
  | "USER"
  | "DONE"
  | "ERROR"
  | "LOG"
  | (string & {});

/** One entry of a session's history. */
export interface Message {
  /** Increases within a session. */
  id: number;
  /** What kind of message it is. */
  type: MessageType;
  /** A text, or any JSON. */
  content: unknown;
  /** The content as a text for a person. */
  text: string;
  /** Null where the service sent none, or one that cannot be read (see `extra.timestamp`). */
  timestamp: Date | null;
  /** What the service keeps with it. */
  metadata: Record<string, unknown>;
  /** Every other field, as it came. */
  extra: Record<string, unknown>;
}

/** A session's messages and status at one moment. */
export interface Messages {
  /** The messages, oldest first. */
  messages: Message[];
  /** The status of the task. */
  status: ExecutionStatus;
  /** Whether an agent is connected. */
  hasAgent: boolean;
}

/** What a task ended with. `T` is the type that `output` of `runTask` asks for. */
export class TaskResult<T = unknown> {
  /** The result for a person: the text, or an object's `summary`. */
  readonly text: string;
  /** The content of the `DONE` message as it came. */
  readonly data: unknown;
  /** The id of the `DONE` message. */
  readonly messageId: number | null;
  /** All messages of this task. */
  readonly messages: Message[];
  /** From the start of the task to its end, in milliseconds. */
  readonly duration: number;
  /** The metadata of the `DONE` message. */
  readonly metadata: Record<string, unknown>;
  /** The session that the task ran in. */
  readonly sessionId: string;
  /** What the schema that `output` of `runTask` names makes of the result, else null. */
  readonly output: T = null as T;
  /** The results before it that did not fit that schema, oldest first. */
  readonly refused: TaskResult[] = [];

  /** @internal */
  constructor(wire: WireTaskResult) {
    this.text = wire.text;
    this.data = wire.data;
    this.messageId = wire.message_id;
    this.messages = wire.messages.map(messageFrom);
    this.duration = wire.duration * 1000;
    this.metadata = wire.metadata;
    this.sessionId = wire.session_id;
  }

  /**
   * The result as JSON: `data` itself, or what a text holds: all of it, else the first code fence
   * that is JSON, else the longest object or list in it.
   * Throws a `TaskError` with reason `no_json` if there is none.
   */
  json(): unknown {
    return typeof this.data === "string" ? jsonIn(this.data, this.sessionId) : this.data;
  }

  /** `json()`, checked and typed by a validator; what that throws comes through. */
  parse<P>(validator: Validator<P>): P {
    return validated(this.json(), validator);
  }
}

/** @internal */
export function messageFrom(wire: WireMessage): Message {
  const { content, ...extra } = wire as Record<string, unknown>;
  const id = take(extra, "id", "number", 0);
  const type = take(extra, "type", "string", "");
  const metadata = take(extra, "metadata", "object", {});
  const timestamp = take<string | null>(extra, "timestamp", "string", null);
  const time = parseTime(timestamp);
  if (time === null && timestamp) extra.timestamp = timestamp;
  return { id, type, content, text: contentText(content), timestamp: time, metadata, extra };
}

function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  return content === null || content === undefined ? "" : JSON.stringify(content);
}

/** @internal */
export function messagesFrom(wire: WireMessages): Messages {
  return {
    messages: wire.messages.map(messageFrom),
    status: wire.status,
    hasAgent: wire.has_agent,
  };
}
