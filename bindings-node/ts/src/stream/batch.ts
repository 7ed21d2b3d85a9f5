/**
 * Events as they come from the native half: many in one text.
 */

/** `start` of an event whose data is no JSON: its data is the raw text. */
export const NOT_JSON = -1;

/** Entries of one event in a batch: data, type, id, start, length. */
export const FIELDS = 5;

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
    return this.#at * FIELDS >= this.#rows.length;
  }

  /** The next event; only if it is not empty. */
  take(): Event {
    const at = this.#at;
    this.#at = at + 1;
    return this.#make(this.#rows, at, this.#text);
  }
}

/** What a text holds, and its `start`. */
export function parsed(raw: string): { data: unknown; start: number } {
  try {
    return { data: JSON.parse(raw), start: 0 };
  } catch {
    return { data: raw, start: NOT_JSON };
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
