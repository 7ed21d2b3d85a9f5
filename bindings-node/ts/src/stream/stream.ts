/**
 * A stream of events.
 */

import type { AgiEvent } from "../agi/events.js";
import { errorFrom } from "../errors.js";
import type { NativeStream } from "../native.js";
import { listen, reasonOf } from "../shared/foreign.js";
import { Batch, type EventMaker } from "./batch.js";

/**
 * The events of a session or a turn: an async iterator over any number of disconnects. Leaving a `for await`
 * loop, `close()`, `await using` and the garbage collector free its socket; while it waits it keeps
 * the process alive, as an open socket would.
 */
export class EventStream<Event = AgiEvent>
  // Of one parameter, as TypeScript 5.2 knows it.
  implements AsyncIterableIterator<Event>
{
  readonly #native: NativeStream;
  readonly #make: EventMaker<Event>;
  #batch: Batch<Event> | undefined;
  /** How many events of a batch were given to nobody when the stream was closed. */
  #dropped = 0;
  /** Set once the stream has ended: what the next `next()` rejects with, if anything. */
  #end: { error?: unknown } | undefined;
  /** How many loops over the events of a handle have begun: the number of the last one. */
  #loops = 0;
  /** Calls of `next` that have no answer yet, and the last of them. */
  #waiting = 0;
  #last: Promise<unknown> | undefined;
  #release: (() => void) | undefined;

  /** @internal */
  constructor(native: NativeStream, make: EventMaker<Event>, signal: AbortSignal | undefined) {
    this.#native = native;
    this.#make = make;
    if (signal !== undefined) this.#listen(signal);
  }

  #listen(signal: AbortSignal): void {
    if (signal.aborted) {
      this.#finish({ error: reasonOf(signal) });
      return;
    }
    // The signal may outlive the stream by far and must not keep it alive.
    const self = new WeakRef(this);
    const onAbort = () => {
      const stream = self.deref();
      if (stream !== undefined) stream.#finish({ error: reasonOf(signal) });
    };
    this.#release = listen(signal, onAbort);
  }

  /** The next event. Calls that overlap are answered in their order. */
  next(): Promise<IteratorResult<Event, undefined>> {
    return this.#read(undefined);
  }

  /**
   * One loop over the events of a handle, from its first read on in place of the one before it.
   * @internal
   */
  loop(): AsyncIterator<Event, undefined, undefined> {
    let number: number | undefined;
    return {
      next: () => {
        if (number === undefined) {
          const refused = this.#native.beginLoop();
          if (refused !== null) return Promise.reject(errorFrom(refused));
          this.#loops += 1;
          number = this.#loops;
        }
        return this.#read(number);
      },
    };
  }

  /** The next event, for a loop if it has a number. */
  #read(number: number | undefined): Promise<IteratorResult<Event, undefined>> {
    if (this.#waiting === 0 && this.#batch?.isEmpty === false && this.#isTurnOf(number)) {
      return Promise.resolve({ value: this.#batch.take(), done: false });
    }
    const result = this.#inTurn(this.#waiting === 0 ? undefined : this.#last, number);
    this.#last = result;
    return result;
  }

  #isTurnOf(number: number | undefined): boolean {
    return number === undefined || number === this.#loops;
  }

  async #inTurn(
    before: Promise<unknown> | undefined,
    number: number | undefined,
  ): Promise<IteratorResult<Event, undefined>> {
    this.#waiting += 1;
    try {
      // How the call before ended is for its own caller.
      await before?.catch(ignore);
      return await this.#advance(number);
    } finally {
      this.#waiting -= 1;
    }
  }

  async #advance(number: number | undefined): Promise<IteratorResult<Event, undefined>> {
    for (;;) {
      if (!this.#isTurnOf(number)) throw errorFrom(this.#native.superseded());
      if (this.#batch?.isEmpty === false) return { value: this.#batch.take(), done: false };
      this.#batch = undefined;
      if (this.#end !== undefined) {
        const end = this.#end;
        this.#end = {};
        if ("error" in end) throw end.error;
        return { value: undefined, done: true };
      }
      const ready = this.#native.takeReady();
      if (Array.isArray(ready)) this.#batch = new Batch(ready, this.#make);
      else if (ready === null) await this.#native.wait();
      else
        this.#finish(ready.error === undefined ? {} : { error: errorFrom({ error: ready.error }) });
    }
  }

  /**
   * How many events were taken from the native half, or wait in it, and were given to nobody.
   * @internal
   */
  get held(): number {
    return this.#dropped + (this.#batch?.left ?? 0) + this.#native.held();
  }

  /** Ends the stream, however it came to that. Only the first end counts. */
  #finish(end: { error?: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#dropped = this.#batch?.left ?? 0;
    this.#batch = undefined;
    this.#release?.();
    this.#native.close();
  }

  /** Ends the stream: `for await` calls it when the loop is left. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#finish({});
    return { value: undefined, done: true };
  }

  /** Ends the stream and frees its socket. Can be called twice. */
  async close(): Promise<void> {
    this.#finish({});
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#finish({});
  }
}

function ignore(): void {}
