/**
 * The events of a session or task.
 */

import { inspect } from "node:util";
import { native } from "../native.js";
import { parseTime } from "../shared/models.js";
import { type Events, isObject, onlyEvent, type Received } from "../stream/batch.js";

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
  /** When it was received here, by this machine's clock; null for one that your program made. */
  readonly receivedAt: Date | null;
}

/** The data of most events. Fields that are not listed may come too. */
export interface TextData {
  /** The text for a person. */
  text: string;
  /** The id of the message that the event stands for. */
  message_id: number;
  [field: string]: unknown;
}

/** The data of an action of the agent. */
export interface StepData extends TextData {
  /** The page that it is on, if the service says. */
  url?: string;
  /** What it does there, if the service says. */
  action?: string;
}

/** The data of an event that ends a task well. */
export interface DoneData extends TextData {
  /** The result as the agent gave it. */
  result?: unknown;
}

/** The data of an event that ends a task that failed. */
export interface ErrorData {
  /** What failed, for a person. */
  error: string;
  /** The service's number for it, if it gives one. */
  status_code?: number;
  /** The id of the message that the event stands for. */
  message_id?: number;
  [field: string]: unknown;
}

/** The data of events that say no more than when they were. */
export interface TimestampData {
  /** When it was, as the service writes it. */
  timestamp: string;
  [field: string]: unknown;
}

/** An event whose data says when it happened. */
interface TimedEvent<Type extends string> extends EventBase<Type, TimestampData> {
  /** When it happened, by the service's clock; null where it does not say. */
  readonly timestamp: Date | null;
}

/**
 * An event of a type that this version does not know, such as one of a newer service: its `type` may
 * be any text. TypeScript cannot tell it from a known one, so that it is a member of each; its data
 * has no type, so that it does not blur theirs: read it as `const data: unknown = event.data`.
 */
export interface UnknownEvent extends EventBase<string, never> {}

/** An action of the agent. */
export type StepEvent = EventBase<"step", StepData> | UnknownEvent;
/** The agent's reasoning. */
export type ThoughtEvent = EventBase<"thought", TextData> | UnknownEvent;
/** A question, as a handler gets it. */
export type Question = EventBase<"question", TextData>;
/** The agent waits for an answer. */
export type QuestionEvent = Question | UnknownEvent;
/** The task ended with a result. */
export type DoneEvent = EventBase<"done", DoneData> | UnknownEvent;
/** The task failed. */
export type ErrorEvent = EventBase<"error", ErrorData> | UnknownEvent;
/** Context for debugging. */
export type LogEvent = EventBase<"log", TextData> | UnknownEvent;
/** The session was paused. */
export type PausedEvent = TimedEvent<"paused"> | UnknownEvent;
/** The session went on. */
export type ResumedEvent = TimedEvent<"resumed"> | UnknownEvent;
/** The stream is alive. Only where `eventTypes` asks for it. */
export type HeartbeatEvent = TimedEvent<"heartbeat"> | UnknownEvent;
/** A message of the user. */
export type UserEvent = EventBase<"user", TextData> | UnknownEvent;

/**
 * An event, discriminated by `type`. A type that this version does not know comes through all the
 * same, with its name as `type`: compare it as any text, and end a `switch` with a `default`.
 */
// generated: events (make generate)
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
  | UserEvent
  | UnknownEvent;
// end of generated: events

/** The literal types of a union with an open member. */
export type Known<Event> = Event extends { type: infer Type }
  ? string extends Type
    ? never
    : Type
  : never;

/** The names of the known event types. */
export type EventType = Known<AgiEvent>;

/**
 * An event cut out of a batch. Its fields are its own, so that `structuredClone` and a spread keep
 * them; `raw` is a slice that shares the batch's characters. A `Date` is made when it is asked for.
 */
class EventRecord {
  readonly type: string;
  readonly id: number | null;
  readonly data: unknown;
  readonly text: string;
  readonly raw: string;
  readonly messageId: number | null;
  /** That of the batch, and how many milliseconds later it was. */
  readonly #received: Received;
  readonly #later: number;

  constructor(events: Events, at: number) {
    const data = events.data(at);
    const id = events.id(at);
    const messageId = isObject(data) ? data.message_id : undefined;
    this.type = events.type(at);
    this.id = id;
    this.data = data;
    this.text = events.text(at, data);
    this.raw = events.raw(at);
    this.messageId = typeof messageId === "number" ? messageId : id;
    this.#received = events.received;
    this.#later = events.later(at);
  }

  get timestamp(): Date | null {
    return isObject(this.data) ? parseTime(this.data.timestamp as string) : null;
  }

  get receivedAt(): Date | null {
    return this.#received.after(this.#later);
  }

  toJSON(): object {
    const { timestamp, receivedAt } = this;
    return timestamp === null ? { ...this, receivedAt } : { ...this, timestamp, receivedAt };
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
export function agiEventAt(events: Events, at: number): AgiEvent {
  return new EventRecord(events, at) as unknown as AgiEvent;
}

/**
 * One event from its parts.
 * @internal
 */
export function eventFromParts(type: string, id: number | null, raw: string): AgiEvent {
  return onlyEvent(native.oneEvent(type, id ?? undefined, raw), agiEventAt);
}
