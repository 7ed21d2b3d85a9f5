/**
 * The events of a turn.
 */

import { inspect } from "node:util";
import { native } from "../native.js";
import { timeOf } from "../shared/models.js";
import { FIELDS, isObject, onlyEvent, originalOf, textOf } from "../stream/batch.js";

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
  readonly timestamp: Date | null;
  /** The place in the stream, where the service names it. */
  readonly streamEntryId: string | null;
}

export interface MessageReceivedData {
  text: string;
  files: unknown[];
  references: unknown[];
  [field: string]: unknown;
}

export interface TurnThoughtData {
  thought: string;
  /** Whether the block is finished with it. */
  finalize?: boolean;
  [field: string]: unknown;
}

export interface TurnTextData {
  text: string;
  [field: string]: unknown;
}

export interface ToolStartData {
  tool_name: string;
  [field: string]: unknown;
}

export interface ToolResultData {
  /** `success`, `error`, ... */
  status: string;
  /** Any JSON. */
  output?: unknown;
  finalize?: boolean;
  [field: string]: unknown;
}

/** One entry of a plan. */
export interface TodoItem {
  id: string;
  content: string;
  status: "pending" | "active" | "completed" | (string & {});
  [field: string]: unknown;
}

export interface PlanUpdateData {
  patch: { todos: TodoItem[]; [field: string]: unknown };
  [field: string]: unknown;
}

/** A file of the sandbox. */
export interface SandboxFile {
  key?: string;
  name?: string;
  /** Milliseconds since 1970. */
  updatedAt?: number;
  [field: string]: unknown;
}

export interface SandboxSnapshotData {
  sandbox_id?: string;
  /** By path. */
  snapshot: Record<string, SandboxFile>;
  /** Paths. */
  deleted?: string[];
  [field: string]: unknown;
}

export interface TaskAbortedData {
  reason?: string;
  [field: string]: unknown;
}

export interface TaskErrorData {
  message?: string;
  code?: string;
  [field: string]: unknown;
}

/** The agent got the prompt, or a message that was sent while it worked. */
export interface MessageReceivedEvent
  extends TurnEventBase<"message.received", MessageReceivedData> {}
/** The agent's reasoning. */
export interface TurnThoughtEvent extends TurnEventBase<"thought", TurnThoughtData> {}
/** A piece of the agent's answer. */
export interface TextEvent extends TurnEventBase<"text", TurnTextData> {}
/** A tool begins; its result has the same `blockId`. */
export interface ToolStartEvent extends TurnEventBase<"tool.start", ToolStartData> {}
/** A tool is done. */
export interface ToolResultEvent extends TurnEventBase<"tool.result", ToolResultData> {}
/** The agent's plan changed. */
export interface PlanUpdateEvent extends TurnEventBase<"plan.update", PlanUpdateData> {}
/** Files of the sandbox changed. */
export interface SandboxSnapshotEvent
  extends TurnEventBase<"sandbox.snapshot", SandboxSnapshotData> {}
/** The turn ended well. */
export interface TaskCompletedEvent
  extends TurnEventBase<"task.completed", Record<string, unknown>> {}
/** The turn was stopped. */
export interface TaskAbortedEvent extends TurnEventBase<"task.aborted", TaskAbortedData> {}
/** The turn failed. */
export interface TaskErrorEvent extends TurnEventBase<"task.error", TaskErrorData> {}

/**
 * An event of a turn, discriminated by `type`. A kind that this version does not know comes through
 * all the same.
 */
export type TurnEvent =
  | MessageReceivedEvent
  | TurnThoughtEvent
  | TextEvent
  | ToolStartEvent
  | ToolResultEvent
  | PlanUpdateEvent
  | SandboxSnapshotEvent
  | TaskCompletedEvent
  | TaskAbortedEvent
  | TaskErrorEvent;

/** The names of the known kinds. */
export type TurnEventType = TurnEvent["type"];

/** An event cut out of a batch. The original text is cut out only when it is asked for. */
class TurnEventRecord {
  readonly type: string;
  readonly id: number | null;
  readonly #frame: unknown;
  readonly #batch: string;
  readonly #start: number | string;
  readonly #length: number;
  readonly #text: number | string;

  constructor(
    type: string,
    id: number | null,
    frame: unknown,
    batch: string,
    start: number | string,
    length: number,
    text: number | string,
  ) {
    this.type = type;
    this.id = id;
    this.#frame = frame;
    this.#batch = batch;
    this.#start = start;
    this.#length = length;
    this.#text = text;
  }

  get kind(): string {
    return this.type;
  }

  get data(): unknown {
    const frame = this.#frame;
    if (!isObject(frame)) return frame;
    return "payload" in frame ? frame.payload : {};
  }

  get raw(): string {
    return originalOf(this.#frame, this.#batch, this.#start, this.#length);
  }

  get text(): string {
    return textOf(this.data, this.#text);
  }

  get blockId(): string | null {
    return this.#word("block_id");
  }

  get messageId(): string | null {
    return this.#word("message_id");
  }

  get streamEntryId(): string | null {
    return this.#word("stream_entry_id");
  }

  get timestamp(): Date | null {
    return isObject(this.#frame) ? timeOf(this.#frame.timestamp) : null;
  }

  #word(name: string): string | null {
    const value = isObject(this.#frame) ? this.#frame[name] : undefined;
    return typeof value === "string" ? value : null;
  }

  [inspect.custom](_depth: number, options: object): string {
    const { type, id, text, data } = this;
    return `TurnEvent ${inspect({ type, id, text, data }, options)}`;
  }
}

/**
 * Event number `at` of a batch.
 * @internal
 */
export function turnEventAt(rows: readonly unknown[], at: number, batch: string): TurnEvent {
  const first = at * FIELDS;
  return new TurnEventRecord(
    rows[first + 1] as string,
    rows[first + 2] as number | null,
    rows[first],
    batch,
    rows[first + 3] as number | string,
    rows[first + 4] as number,
    rows[first + 5] as number | string,
  ) as unknown as TurnEvent;
}

/**
 * One event from its frame.
 * @internal
 */
export function turnEventFromFrame(raw: string): TurnEvent {
  return onlyEvent(native.oneTurnEvent(raw), turnEventAt);
}
