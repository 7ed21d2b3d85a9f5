/**
 * Events as they come from the native half: many in one text.
 */

import { native } from "../native.js";

/** Entries of one event: type, id, end, text, received. */
const ENTRIES = 5;

/** Where the data of the first event begins. */
const FIRST = 2;

/** The types that are told by their place. */
const TYPES = native.knownEventTypes();

/** The fields that an event's text may be in. */
const TEXT_FIELDS = native.textFields();

/** When the first event of a batch was received, in milliseconds since 1970; 0: never. */
export class Received {
  constructor(readonly first: number) {}

  /** The time of an event that was received so many milliseconds later. */
  after(later: number): Date | null {
    const time = this.first + later;
    return time === 0 ? null : new Date(time);
  }
}

/** Makes event number `at` of a batch. */
export type EventMaker<Event> = (events: Events, at: number) => Event;

/** The events of one text, by their numbers. */
export class Events {
  readonly #text: string;
  readonly #data: readonly unknown[];
  readonly #rows: readonly (number | string | null)[];
  readonly #originals: Readonly<Record<number, string>>;
  /** That of the first. */
  readonly received: Received;

  constructor(text: string) {
    const [data, rows, originals, first] = JSON.parse(text);
    this.#text = text;
    this.#data = data;
    this.#rows = rows;
    this.#originals = originals;
    this.received = new Received(first);
  }

  get count(): number {
    return this.#data.length;
  }

  data(at: number): unknown {
    return this.#data[at];
  }

  type(at: number): string {
    const type = this.#rows[at * ENTRIES];
    return typeof type === "number" ? (TYPES[type] as string) : (type as string);
  }

  id(at: number): number | null {
    return this.#rows[at * ENTRIES + 1] as number | null;
  }

  /** The data as it came: a slice that shares the text's characters, where it can be one. */
  raw(at: number): string {
    const end = this.#rows[at * ENTRIES + 2] as number;
    if (end < 0) return this.#originals[at] ?? (this.#data[at] as string);
    const start = at === 0 ? FIRST : Math.abs(this.#rows[(at - 1) * ENTRIES + 2] as number) + 1;
    return this.#text.slice(start, end);
  }

  /** The text of an event, which may be in a field of its data. */
  text(at: number, data: unknown): string {
    const text = this.#rows[at * ENTRIES + 3] as number | string;
    if (typeof text === "string") return text;
    return (data as Record<string, string>)[TEXT_FIELDS[text] as string] as string;
  }

  /** How many milliseconds after the first it was received. */
  later(at: number): number {
    return this.#rows[at * ENTRIES + 4] as number;
  }
}

/** The one event that the native half made. */
export function onlyEvent<Event>(text: string, make: EventMaker<Event>): Event {
  return make(new Events(text), 0);
}

/** The events of one text, made one by one. */
export class Batch<Event> {
  readonly #events: Events;
  readonly #make: EventMaker<Event>;
  #at = 0;

  constructor(text: string, make: EventMaker<Event>) {
    this.#events = new Events(text);
    this.#make = make;
  }

  get isEmpty(): boolean {
    return this.#at >= this.#events.count;
  }

  /** How many events were not taken yet. */
  get left(): number {
    return this.#events.count - this.#at;
  }

  /** The next event; only if it is not empty. */
  take(): Event {
    const at = this.#at;
    this.#at = at + 1;
    return this.#make(this.#events, at);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
