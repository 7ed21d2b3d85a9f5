/**
 * Events as they come from the native half: many in one text.
 */

import { native } from "../native.js";

/** `start` of an event whose data is no JSON: its data is the raw text. */
const NOT_JSON = -1;

/** Entries of one event in a batch: data, type, id, start, length, text, received. */
export const FIELDS = 7;

/** The fields that an event's text may be in. */
const TEXT_FIELDS = native.textFields();

/** The original of an event: where it starts in the batch, or the text itself. */
export function originalOf(
  data: unknown,
  batch: string,
  start: number | string,
  length: number,
): string {
  if (typeof start === "string") return start;
  return start === NOT_JSON ? (data as string) : batch.slice(start, start + length);
}

/** The text of an event: the text itself, or the place of its field in the data. */
export function textOf(data: unknown, text: number | string): string {
  if (typeof text === "string") return text;
  return (data as Record<string, string>)[TEXT_FIELDS[text] as string] as string;
}

/** When the first event of a batch was received, in milliseconds since 1970; 0: never. */
export class Received {
  constructor(readonly first: number) {}

  /** The time of an event that was received so many milliseconds later. */
  after(later: number): Date | null {
    const time = this.first + later;
    return time === 0 ? null : new Date(time);
  }
}

/** Makes event number `at` of a batch from its rows, its text and its time. */
export type EventMaker<Event> = (
  rows: readonly unknown[],
  at: number,
  batch: string,
  received: Received,
) => Event;

/** The one event that the native half made. */
export function onlyEvent<Event>(batch: string, make: EventMaker<Event>): Event {
  const rows: unknown[] = JSON.parse(batch);
  return make(rows, 0, batch, new Received(rows.pop() as number));
}

/** The events of one batch text, made one by one. */
export class Batch<Event> {
  readonly #text: string;
  readonly #rows: unknown[];
  readonly #make: EventMaker<Event>;
  readonly #received: Received;
  #at = 0;

  constructor(text: string, make: EventMaker<Event>) {
    this.#text = text;
    this.#rows = JSON.parse(text);
    this.#received = new Received(this.#rows.pop() as number);
    this.#make = make;
  }

  get isEmpty(): boolean {
    return this.#at * FIELDS >= this.#rows.length;
  }

  /** How many events were not taken yet. */
  get left(): number {
    return this.#rows.length / FIELDS - this.#at;
  }

  /** The next event; only if it is not empty. */
  take(): Event {
    const at = this.#at;
    this.#at = at + 1;
    return this.#make(this.#rows, at, this.#text, this.#received);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
