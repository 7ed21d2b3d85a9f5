/**
 * Events as they come from the native half: many in one text.
 */

import { type NativeBatch, native } from "../native.js";

/** How many units an event's row has, and what follows the type and the field in it. */
const ROW = 11;
const END = 2;
const ID = 4;
const LATER = 8;

/** What a row says beside the field of the text. */
const FIELD = 0xff;
const NO_ID = 1 << 8;
const NOT_AS_IT_CAME = 1 << 9;
const OWN_TYPE = 1 << 10;
const OWN_TEXT = 1 << 11;

/** How much one more in a unit is worth beside the unit before it. */
const UNIT = 0x1_0000;

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

/** Something said of some events, by their numbers. */
type Noted = Readonly<Record<number, string>>;

/** The events of one text, by their numbers. */
export class Events {
  readonly #text: string;
  readonly #rows: string;
  readonly #data: readonly unknown[];
  readonly #originals: Noted;
  readonly #types: Noted;
  readonly #texts: Noted;
  /** That of the first. */
  readonly received: Received;

  constructor([text, rows]: NativeBatch) {
    const [data, originals, types, texts, first] = JSON.parse(text);
    this.#text = text;
    this.#rows = rows;
    this.#data = data;
    this.#originals = originals;
    this.#types = types;
    this.#texts = texts;
    this.received = new Received(first);
  }

  get count(): number {
    return this.#data.length;
  }

  data(at: number): unknown {
    return this.#data[at];
  }

  type(at: number): string {
    const row = at * ROW;
    const isOwn = (this.#rows.charCodeAt(row + 1) & OWN_TYPE) !== 0;
    return (isOwn ? this.#types[at] : TYPES[this.#rows.charCodeAt(row)]) as string;
  }

  id(at: number): number | null {
    const rows = this.#rows;
    const row = at * ROW;
    if ((rows.charCodeAt(row + 1) & NO_ID) !== 0) return null;
    const id = row + ID;
    const low = rows.charCodeAt(id) + rows.charCodeAt(id + 1) * UNIT;
    const high = rows.charCodeAt(id + 2) + signed(rows.charCodeAt(id + 3)) * UNIT;
    return high === 0 ? low : high * UNIT * UNIT + low;
  }

  /** The data as it came: a slice that shares the text's characters, where it can be one. */
  raw(at: number): string {
    const rows = this.#rows;
    const row = at * ROW;
    if ((rows.charCodeAt(row + 1) & NOT_AS_IT_CAME) !== 0) {
      return this.#originals[at] ?? (this.#data[at] as string);
    }
    return this.#text.slice(at === 0 ? FIRST : endOf(rows, row - ROW) + 1, endOf(rows, row));
  }

  /** The text of an event, which may be in a field of its data. */
  text(at: number, data: unknown): string {
    const says = this.#rows.charCodeAt(at * ROW + 1);
    if ((says & OWN_TEXT) !== 0) return this.#texts[at] as string;
    return (data as Record<string, string>)[TEXT_FIELDS[says & FIELD] as string] as string;
  }

  /** How many milliseconds after the first it was received. */
  later(at: number): number {
    const rows = this.#rows;
    const later = at * ROW + LATER;
    const low = rows.charCodeAt(later) + rows.charCodeAt(later + 1) * UNIT;
    return signed(rows.charCodeAt(later + 2)) * UNIT * UNIT + low;
  }
}

/** Where the data of the event ends whose row begins there. */
function endOf(rows: string, row: number): number {
  return rows.charCodeAt(row + END) + rows.charCodeAt(row + END + 1) * UNIT;
}

/** A unit whose highest bit is its sign. */
function signed(unit: number): number {
  return (unit << 16) >> 16;
}

/** The one event that the native half made. */
export function onlyEvent<Event>(batch: NativeBatch, make: EventMaker<Event>): Event {
  return make(new Events(batch), 0);
}

/** The events of one text, made one by one. */
export class Batch<Event> {
  readonly #events: Events;
  readonly #make: EventMaker<Event>;
  readonly #count: number;
  #at = 0;

  constructor(batch: NativeBatch, make: EventMaker<Event>) {
    this.#events = new Events(batch);
    this.#make = make;
    this.#count = this.#events.count;
  }

  get isEmpty(): boolean {
    return this.#at >= this.#count;
  }

  /** How many events were not taken yet. */
  get left(): number {
    return this.#count - this.#at;
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
