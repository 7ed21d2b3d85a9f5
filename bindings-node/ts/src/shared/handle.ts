/**
 * What a task and a turn have in common.
 */

import type { NativeCalls, NativeHandle, NativeTraced } from "../native.js";
import type { EventMaker } from "../stream/batch.js";
import { EventStream } from "../stream/stream.js";
import { CALL, type CallOptions, send } from "./calls.js";
import { known, type Names } from "./known.js";
import { below, type Run } from "./telemetry.js";

/** A native task or turn, and the reading of its events. */
export class Handle<Native extends NativeHandle<Operation, Outputs>, Operation, Outputs, Event> {
  readonly native: Native;
  readonly #make: EventMaker<Event>;
  readonly #signal: AbortSignal | undefined;
  readonly #run: Run | undefined;
  #stream: EventStream<Event> | undefined;

  constructor(
    native: Native,
    make: EventMaker<Event>,
    signal: AbortSignal | undefined,
    run: Run | undefined,
  ) {
    this.native = native;
    this.#run = run;
    run?.began(native, this);
    this.#make = make;
    this.#signal = signal;
  }

  async execute<Name extends keyof Outputs>(
    operation: Operation & { op: Name },
    options: CallOptions,
    names: object = CALL,
  ): Promise<Outputs[Name]> {
    known(options, names as Names<CallOptions>);
    const target: NativeCalls<Operation, Outputs> & NativeTraced = this.native;
    const run = this.#run;
    const { signal } = options;
    const { op } = operation as { op: string };
    let reply: unknown;
    if (run === undefined) {
      reply = await send(target, operation, signal);
    } else if (op === "result") {
      reply = await send(target, operation, signal).catch((error: unknown) => {
        run.note(error);
        throw error;
      });
      run.end();
    } else {
      const { sessionId } = this.native;
      reply = await below(run, target, op, sessionId, (on) => send(on, operation, signal));
    }
    const result = JSON.parse(reply as string) as Outputs[Name];
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
        return this.#watched(loop.next());
      },
    };
  }

  /** A step of a loop: at the end of the events the span ends. */
  #watched(
    step: Promise<IteratorResult<Event, undefined>>,
  ): Promise<IteratorResult<Event, undefined>> {
    const run = this.#run;
    if (run === undefined || run.isOver) return step;
    return step.then(
      (result) => {
        if (result.done) run.note();
        return result;
      },
      (error: unknown) => {
        run.note(error);
        throw error;
      },
    );
  }

  /** What becomes of its span, should its end not be known. */
  note(error: unknown): void {
    this.#run?.note(error);
  }

  /** Runs a callback: its spans belong below that of the task or turn. */
  within<T>(callback: () => T): T {
    return this.#run === undefined ? callback() : this.#run.within(callback);
  }

  async next(): Promise<IteratorResult<Event, undefined>> {
    const step = await this.#watched(this.stream.next());
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
    this.#run?.left();
  }
}
