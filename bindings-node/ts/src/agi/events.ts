/**
 * The events of a session or task.
 */

import { inspect } from "node:util";
import { native } from "../native.js";
import { FIELDS, isObject, onlyEvent, originalOf, textOf } from "../stream/batch.js";

/** What every event has. */
export interface EventBase<Type extends string, Data> {
  /** What kind of event it is. */
  readonly type: Type;
  /** The message id; null where the event has none. */
  readonly id: number | null;
  /** The data: JSON, parsed. Where a server sends something else it is the raw text. */
  readonly data: Data;
  /** The text for a person; empty if there is none. */
  readonly text: string;
  /** The data as it came, character by character. */
  readonly raw: string;
  /** The id of the message that the event stands for; null if there is none. */
  readonly messageId: number | null;
}

/** The data of most events. Fields that are not listed may come too. */
export interface TextData {
  text: string;
  message_id: number;
  [field: string]: unknown;
}

export interface StepData extends TextData {
  url?: string;
  action?: string;
}

export interface DoneData extends TextData {
  /** The result as the agent gave it. */
  result?: unknown;
}

export interface ErrorData {
  error: string;
  status_code?: number;
  message_id?: number;
  [field: string]: unknown;
}

export interface TimestampData {
  timestamp: string;
  [field: string]: unknown;
}

/** An action of the agent. */
export interface StepEvent extends EventBase<"step", StepData> {}
/** The agent's reasoning. */
export interface ThoughtEvent extends EventBase<"thought", TextData> {}
/** The agent waits for an answer. */
export interface QuestionEvent extends EventBase<"question", TextData> {}
/** The task ended with a result. */
export interface DoneEvent extends EventBase<"done", DoneData> {}
/** The task failed. */
export interface ErrorEvent extends EventBase<"error", ErrorData> {}
/** Context for debugging. */
export interface LogEvent extends EventBase<"log", TextData> {}
/** The session was paused. */
export interface PausedEvent extends EventBase<"paused", TimestampData> {}
/** The session went on. */
export interface ResumedEvent extends EventBase<"resumed", TimestampData> {}
/** The stream is alive. Only where `eventTypes` asks for it. */
export interface HeartbeatEvent extends EventBase<"heartbeat", TimestampData> {}
/** A message of the user. */
export interface UserEvent extends EventBase<"user", TextData> {}

/**
 * An event, discriminated by `type`. A type that this version does not know comes through all the
 * same, with its name as `type`.
 */
export type AgiEvent =
  | StepEvent
  | ThoughtEvent
  | QuestionEvent
  | DoneEvent
  | ErrorEvent
  | LogEvent
  | PausedEvent
  | ResumedEvent
  | HeartbeatEvent
  | UserEvent;

/** The names of the known event types. */
export type EventType = AgiEvent["type"];

/** An event cut out of a batch. The original text is cut out only when it is asked for. */
class EventRecord {
  readonly type: string;
  readonly id: number | null;
  readonly data: unknown;
  readonly #batch: string;
  readonly #start: number | string;
  readonly #length: number;
  readonly #text: number | string;

  constructor(
    type: string,
    id: number | null,
    data: unknown,
    batch: string,
    start: number | string,
    length: number,
    text: number | string,
  ) {
    this.type = type;
    this.id = id;
    this.data = data;
    this.#batch = batch;
    this.#start = start;
    this.#length = length;
    this.#text = text;
  }

  get raw(): string {
    return originalOf(this.data, this.#batch, this.#start, this.#length);
  }

  get text(): string {
    return textOf(this.data, this.#text);
  }

  get messageId(): number | null {
    const id = isObject(this.data) ? this.data.message_id : undefined;
    return typeof id === "number" ? id : this.id;
  }

  [inspect.custom](_depth: number, options: object): string {
    const { type, id, text, data } = this;
    return `AgiEvent ${inspect({ type, id, text, data }, options)}`;
  }
}

/**
 * Event number `at` of a batch.
 * @internal
 */
export function agiEventAt(rows: readonly unknown[], at: number, batch: string): AgiEvent {
  const first = at * FIELDS;
  return new EventRecord(
    rows[first + 1] as string,
    rows[first + 2] as number | null,
    rows[first],
    batch,
    rows[first + 3] as number | string,
    rows[first + 4] as number,
    rows[first + 5] as number | string,
  ) as unknown as AgiEvent;
}

/**
 * One event from its parts.
 * @internal
 */
export function eventFromParts(type: string, id: number | null, raw: string): AgiEvent {
  return onlyEvent(native.oneEvent(type, id ?? undefined, raw), agiEventAt);
}
