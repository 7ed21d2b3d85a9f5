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

/** When event number `at` was received, in milliseconds since 1970; 0: never. */
export function receivedAt(rows: readonly unknown[], at: number): number {
  return (rows[rows.length - 1] as number) + (rows[at * FIELDS + 6] as number);
}

/** The one event that the native half made. */
export function onlyEvent<Event>(batch: string, make: EventMaker<Event>): Event {
  return make(JSON.parse(batch), 0, batch);
}

/** Makes event number `at` of a batch from its rows and its text. */
export type EventMaker<Event> = (rows: readonly unknown[], at: number, batch: string) => Event;

/** The events of one batch text, made one by one. */
export class Batch<Event> {
  readonly #text: string;
  readonly #rows: unknown[];
  readonly #make: EventMaker<Event>;
  #at = 0;

  constructor(text: string, make: EventMaker<Event>) {
    this.#text = text;
    this.#rows = JSON.parse(text);
    this.#make = make;
  }

  get isEmpty(): boolean {
    return this.left === 0;
  }

  /** How many events were not taken yet. */
  get left(): number {
    return (this.#rows.length - 1) / FIELDS - this.#at;
  }

  /** The next event; only if it is not empty. */
  take(): Event {
    const at = this.#at;
    this.#at = at + 1;
    return this.#make(this.#rows, at, this.#text);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
