/**
 * The events of a turn.
 */

import { inspect } from "node:util";
import type { Known } from "../agi/events.js";
import { native } from "../native.js";
import { timeOf } from "../shared/models.js";
import { type Events, isObject, onlyEvent, type Received } from "../stream/batch.js";

/** What every event of a turn has. */
export interface TurnEventBase<Kind extends string, Data> {
  /** What kind of event it is: the wire's `kind`. */
  readonly type: Kind;
  /** The same. */
  readonly kind: Kind;
  /** The event's number within its turn; null where it has none. */
  readonly id: number | null;
  /** The payload. Of a frame that is no JSON object it is all of it. */
  readonly data: Data;
  /** The text for a person; empty if there is none. */
  readonly text: string;
  /** The whole frame as it came, character by character. */
  readonly raw: string;
  /** The block that the event belongs to, such as `text:answer`. */
  readonly blockId: string | null;
  /** The turn's agent message. */
  readonly messageId: string | null;
  /** When it happened, by the service's clock; null where it does not say. */
  readonly timestamp: Date | null;
  /** The place in the stream, where the service names it. */
  readonly streamEntryId: string | null;
  /** When it was received here, by this machine's clock; null for one that your program made. */
  readonly receivedAt: Date | null;
}

/** The data of an event that says that the agent got a message. */
export interface MessageReceivedData {
  /** What was sent. */
  text: string;
  /** The files that came with it. */
  files: unknown[];
  /** The objects that it refers to. */
  references: unknown[];
  [field: string]: unknown;
}

/** The data of a thought. */
export interface TurnThoughtData {
  /** What the agent thinks. */
  thought: string;
  /** Whether the block is finished with it. */
  finalize?: boolean;
  [field: string]: unknown;
}

/** The data of a piece of the answer. */
export interface TurnTextData {
  /** The piece, or all of its block so far. */
  text: string;
  [field: string]: unknown;
}

/** The data of an event that says that a tool begins. */
export interface ToolStartData {
  /** Which tool. */
  tool_name: string;
  [field: string]: unknown;
}

/** The data of an event that says that a tool is done. */
export interface ToolResultData {
  /** `success`, `error`, ... */
  status: string;
  /** Any JSON. */
  output?: unknown;
  /** Whether nothing more comes of it. */
  finalize?: boolean;
  [field: string]: unknown;
}

/** One entry of a plan. */
export interface TodoItem {
  /** What names the entry. */
  id: string;
  /** What is to be done. */
  content: string;
  /** How far it is. */
  status: "pending" | "active" | "completed" | (string & {});
  [field: string]: unknown;
}

/** The data of a change of the agent's plan. */
export interface PlanUpdateData {
  /** The entries, as they are now. */
  patch: { todos: TodoItem[]; [field: string]: unknown };
  [field: string]: unknown;
}

/** A file of the sandbox. */
export interface SandboxFile {
  /** Where the service keeps it. */
  key?: string;
  /** Its name. */
  name?: string;
  /** Milliseconds since 1970. */
  updatedAt?: number;
  [field: string]: unknown;
}

/** The data of a change of the sandbox's files. */
export interface SandboxSnapshotData {
  /** Which sandbox. */
  sandbox_id?: string;
  /** By path. */
  snapshot: Record<string, SandboxFile>;
  /** Paths. */
  deleted?: string[];
  [field: string]: unknown;
}

/** The data of the end of a turn that was stopped. */
export interface TaskAbortedData {
  /** Who or what stopped it. */
  reason?: string;
  [field: string]: unknown;
}

/** The data of the end of a turn that failed. */
export interface TaskErrorData {
  /** What failed, for a person. */
  message?: string;
  /** A machine-readable word for it. */
  code?: string;
  [field: string]: unknown;
}

/**
 * An event of a kind that this version does not know, such as one of a newer service: its `type` may
 * be any text. TypeScript cannot tell it from a known one, so that it is a member of each; its data
 * has no type, so that it does not blur theirs: read it as `const data: unknown = event.data`.
 */
export interface UnknownTurnEvent extends TurnEventBase<string, never> {}

/** The agent got the prompt, or a message that was sent while it worked. */
export type MessageReceivedEvent =
  | TurnEventBase<"message.received", MessageReceivedData>
  | UnknownTurnEvent;
/** The agent's reasoning. */
export type TurnThoughtEvent = TurnEventBase<"thought", TurnThoughtData> | UnknownTurnEvent;
/** A piece of the agent's answer. */
export type TextEvent = TurnEventBase<"text", TurnTextData> | UnknownTurnEvent;
/** A tool begins; its result has the same `blockId`. */
export type ToolStartEvent = TurnEventBase<"tool.start", ToolStartData> | UnknownTurnEvent;
/** A tool is done. */
export type ToolResultEvent = TurnEventBase<"tool.result", ToolResultData> | UnknownTurnEvent;
/** The agent's plan changed. */
export type PlanUpdateEvent = TurnEventBase<"plan.update", PlanUpdateData> | UnknownTurnEvent;
/** Files of the sandbox changed. */
export type SandboxSnapshotEvent =
  | TurnEventBase<"sandbox.snapshot", SandboxSnapshotData>
  | UnknownTurnEvent;
/** The turn ended well. */
export type TaskCompletedEvent =
  | TurnEventBase<"task.completed", Record<string, unknown>>
  | UnknownTurnEvent;
/** The turn was stopped. */
export type TaskAbortedEvent = TurnEventBase<"task.aborted", TaskAbortedData> | UnknownTurnEvent;
/** The turn failed. */
export type TaskErrorEvent = TurnEventBase<"task.error", TaskErrorData> | UnknownTurnEvent;

/**
 * An event of a turn, discriminated by `type`. A kind that this version does not know comes through
 * all the same, with its name as `type`: compare it as any text, and end a `switch` with a `default`.
 */
// generated: events (make generate)
export type TurnEvent =
  | TurnThoughtEvent
  | MessageReceivedEvent
  | TextEvent
  | ToolStartEvent
  | ToolResultEvent
  | PlanUpdateEvent
  | SandboxSnapshotEvent
  | TaskCompletedEvent
  | TaskAbortedEvent
  | TaskErrorEvent
  | UnknownTurnEvent;
// end of generated: events

/** The names of the known kinds. */
export type TurnEventType = Known<TurnEvent>;

/**
 * An event cut out of a batch. Its fields are its own, so that `structuredClone` and a spread keep
 * them; `raw` is a slice that shares the batch's characters. A `Date` is made when it is asked for.
 */
class TurnEventRecord {
  readonly type: string;
  readonly kind: string;
  readonly id: number | null;
  readonly data: unknown;
  readonly text: string;
  readonly raw: string;
  readonly blockId: string | null;
  readonly messageId: string | null;
  readonly timestamp: Date | null;
  readonly streamEntryId: string | null;
  /** That of the batch, and how many milliseconds later it was. */
  readonly #received: Received;
  readonly #later: number;

  constructor(events: Events, at: number) {
    const frame = events.data(at);
    const fields = isObject(frame) ? frame : undefined;
    const data = fields === undefined ? frame : "payload" in fields ? fields.payload : {};
    const type = events.type(at);
    this.type = type;
    this.kind = type;
    this.id = events.id(at);
    this.data = data;
    this.text = events.text(at, data);
    this.raw = events.raw(at);
    this.blockId = word(fields?.block_id);
    this.messageId = word(fields?.message_id);
    this.timestamp = timeOf(fields?.timestamp);
    this.streamEntryId = word(fields?.stream_entry_id);
    this.#received = events.received;
    this.#later = events.later(at);
  }

  get receivedAt(): Date | null {
    return this.#received.after(this.#later);
  }

  toJSON(): object {
    return { ...this, receivedAt: this.receivedAt };
  }

  [inspect.custom](_depth: number, options: object): string {
    const { type, id, text, data } = this;
    return `TurnEvent ${inspect({ type, id, text, data }, options)}`;
  }
}

/** What names a part of the service's: a text, or a whole number as text. */
function word(value: unknown): string | null {
  if (typeof value === "string") return value;
  return Number.isSafeInteger(value) ? String(value) : null;
}

/**
 * Event number `at` of a batch.
 * @internal
 */
export function turnEventAt(events: Events, at: number): TurnEvent {
  return new TurnEventRecord(events, at) as unknown as TurnEvent;
}

/**
 * One event from its frame.
 * @internal
 */
export function turnEventFromFrame(raw: string): TurnEvent {
  return onlyEvent(native.oneTurnEvent(raw), turnEventAt);
}
