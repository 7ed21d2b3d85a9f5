/**
 * What a task and a turn have in common.
 */

import type { NativeCalls, NativeHandle } from "../native.js";
import type { EventMaker } from "../stream/batch.js";
import { EventStream } from "../stream/stream.js";
import { CALL, type CallOptions, execute } from "./calls.js";
import { known, type Names } from "./known.js";

/** A native task or turn, and the reading of its events. */
export class Handle<Native extends NativeHandle<Operation, Outputs>, Operation, Outputs, Event> {
  readonly native: Native;
  readonly #make: EventMaker<Event>;
  readonly #signal: AbortSignal | undefined;
  #stream: EventStream<Event> | undefined;

  constructor(native: Native, make: EventMaker<Event>, signal: AbortSignal | undefined) {
    this.native = native;
    this.#make = make;
    this.#signal = signal;
  }

  async execute<Name extends keyof Outputs>(
    operation: Operation & { op: Name },
    options: CallOptions,
    names: object = CALL,
  ): Promise<Outputs[Name]> {
    known(options, names as Names<CallOptions>);
    const target: NativeCalls<Operation, Outputs> = this.native;
    const result = await execute(target, operation, options.signal);
    // An unreachable native half frees its socket; this one is reachable until it has its reply.
    void this.native;
    return result;
  }

  /** How many events wait here, and were given to nobody. */
  get held(): number {
    return this.#stream?.held ?? 0;
  }

  /** The one stream of its events, opened when it is first asked for. */
  get stream(): EventStream<Event> {
    this.#stream ??= new EventStream(this.native.events(), this.#make, this.#signal);
    return this.#stream;
  }

  /** Goes on where the last one stopped, and takes its place; leaving a loop over it ends nothing. */
  iterator(): AsyncIterator<Event, undefined, undefined> {
    const loop = this.stream.loop();
    return {
      next: () => {
        // Uses `this`, so that the handle lives as long as its iterator.
        void this.native;
        return loop.next();
      },
    };
  }

  async next(): Promise<IteratorResult<Event, undefined>> {
    const step = await this.stream.next();
    // As in `execute`: reachable until it has its reply.
    void this.native;
    return step;
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.close();
    return { value: undefined, done: true };
  }

  async close(): Promise<void> {
    await this.#stream?.close();
    this.native.close();
  }
}
