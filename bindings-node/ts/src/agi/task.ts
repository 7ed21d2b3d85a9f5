/**
 * A task, and running one to its end.
 */

import { type ConflictError, errorFrom, QuestionPending, TaskTimeout } from "../errors.js";
import type { NativeClient, NativeTask, NativeTaskFailure } from "../native.js";
import {
  CALL,
  type CallOptions,
  cancellable,
  checkCallback,
  text as checked,
  seconds,
} from "../shared/calls.js";
import { Handle } from "../shared/handle.js";
import { known, type Names } from "../shared/known.js";
import { guarded, Limit } from "../shared/limit.js";
import type { SuccessResult } from "../shared/models.js";
import { RESULT_OPTIONS, type ResultOptions } from "../shared/options.js";
import { type Run, run, starting } from "../shared/telemetry.js";
import {
  type AgiEvent,
  agiEventAt,
  type EventType,
  eventFromParts,
  type Question,
} from "./events.js";
import { type ExecutionStatus, TaskResult } from "./models.js";
import { type OutputOptions, Wanted } from "./output.js";
import type { Resume, TaskOperation, TaskOutputs } from "./seam.js";

/** What a start does in a session whose last task has not ended. */
export type IfBusy = "error" | "wait" | "cancel";

/** How a task is started, and its events are read. */
export interface StartTaskOptions extends CallOptions {
  /**
   * What to do where the session's last task has not ended: throw a `ConflictError` whose `code` is
   * `task_in_progress`, wait for its end (for as long as it takes, also for an answer to its
   * question), or cancel it. Default: `error`.
   */
  ifBusy?: IfBusy | undefined;
  /** The page to open first; at most 2,000 characters. */
  startUrl?: string | undefined;
  /** Only events of these types; default: all but heartbeats. */
  eventTypes?: readonly (EventType | (string & {}))[] | undefined;
  /** Hides system entries and image payloads. Default: true. */
  sanitize?: boolean | undefined;
  /** Milliseconds without a complete event after which the stream reconnects. Default: 90,000. */
  idleTimeout?: number | undefined;
  /**
   * Failed attempts to connect in a row after which the messages are read instead, until the stream
   * can be opened again. Default: 5.
   */
  maxReconnects?: number | undefined;
}

/** @internal */
export const START_TASK: Names<StartTaskOptions> = {
  ...CALL,
  startUrl: true,
  eventTypes: true,
  sanitize: true,
  idleTimeout: true,
  maxReconnects: true,
  ifBusy: true,
};

/** How a task is prepared. */
export interface PrepareTaskOptions extends CallOptions {
  /** The page to open first; at most 2,000 characters. */
  startUrl?: string | undefined;
  /** What to do where the session's last task has not ended, as for `startTask`. Default: `error`. */
  ifBusy?: IfBusy | undefined;
}

/** @internal */
export const PREPARE_TASK: Names<PrepareTaskOptions> = {
  ...CALL,
  startUrl: true,
  ifBusy: true,
};

/** How the events of a task are read that goes on from its handle. */
export interface ResumeOptions extends Omit<StartTaskOptions, "startUrl" | "ifBusy"> {
  /** Gives all of the task's events again. Default: only those after the handle's position. */
  fromStart?: boolean | undefined;
}

/** @internal */
export const RESUME: Names<ResumeOptions> = {
  ...CALL,
  fromStart: true,
  eventTypes: true,
  sanitize: true,
  idleTimeout: true,
  maxReconnects: true,
};

/** How a task is run. */
export interface RunTaskOptions<T = unknown> extends OutputOptions<T>, CallOptions {
  /** What to do where the session's last task has not ended, as for `startTask`. Default: `error`. */
  ifBusy?: IfBusy | undefined;
  /** The page to open first; at most 2,000 characters. */
  startUrl?: string | undefined;
  /** Gives the answer to a question. Without it a question ends the call with `QuestionPending`. */
  onQuestion?: ((question: Question) => string | Promise<string>) | undefined;
  /** Is called with each event, in order; the next one waits for it. */
  onEvent?: ((event: AgiEvent) => unknown) | undefined;
  /** Milliseconds for all of it; then `TaskTimeout`. Default: no limit. */
  timeout?: number | undefined;
  /** Whether a timeout cancels the task. Default: false. */
  cancelOnTimeout?: boolean | undefined;
}

/** @internal */
export const RUN_TASK: Names<RunTaskOptions> = {
  ...CALL,
  startUrl: true,
  onQuestion: true,
  onEvent: true,
  timeout: true,
  cancelOnTimeout: true,
  ifBusy: true,
  output: true,
  repairs: true,
  describeOutput: true,
};

/**
 * One task of a session. Iterate it for this task's events, each once and in order; leaving the loop
 * early leaves the task as it is, and a new loop goes on where the last one stopped. `close()` and
 * `await using` free its socket; they do not cancel the task.
 */
export class Task implements AsyncIterable<AgiEvent>, AsyncDisposable {
  readonly #handle: Handle<NativeTask, TaskOperation, TaskOutputs, AgiEvent>;

  /** @internal */
  constructor(native: NativeTask, signal: AbortSignal | undefined, run?: Run) {
    this.#handle = new Handle(native, agiEventAt, signal, run);
  }

  /** @internal What becomes of its span, should its end not be known. */
  note(error: unknown): void {
    this.#handle.note(error);
  }

  /** @internal Runs a callback within its span. */
  within<T>(callback: () => T): T {
    return this.#handle.within(callback);
  }

  /** The task's session. */
  get sessionId(): string {
    return this.#handle.native.sessionId;
  }

  /**
   * The task and how far its events were given to you, as a short text: keep it, and
   * `client.resume(handle)` goes on from there, in any process and any language. Makes no request.
   *
   * An event counts as given once you have it: keep the handle after you handled the event. It holds
   * no key and not what was sent, and has at most 200 bytes: letters, digits, `.`, `_` and `-`.
   */
  handle(): string {
    return this.#handle.native.handle(this.#handle.held);
  }

  /** The question that waits for an answer, or null. */
  get question(): Question | null {
    const question = this.#handle.native.question;
    if (question === null) return null;
    const { type, id, raw } = JSON.parse(question);
    return eventFromParts(type, id, raw) as Question;
  }

  /**
   * Answers the open question: 1 to 10,000 characters. Looks first whether it is open still: rejects
   * with a `TaskError` (`reason` is `question_closed`), and sends nothing, where another program
   * answered, cancelled the task, or started another one.
   */
  answer(text: string, options: CallOptions = {}): Promise<SuccessResult> {
    return this.#handle.execute({ op: "answer", text: checked("text", text) }, options);
  }

  /**
   * Answers this question, and no other that was asked meanwhile.
   * @internal
   */
  answerTo(text: string, id: number | null, options: CallOptions): Promise<SuccessResult> {
    return this.#handle.execute({ op: "answer", text, question_id: id }, options);
  }

  /** Sends more about the same task: 1 to 10,000 characters. */
  sendMessage(text: string, options: CallOptions = {}): Promise<SuccessResult> {
    return this.#handle.execute({ op: "send_message", text: checked("text", text) }, options);
  }

  /** Pauses the task. */
  pause(options: CallOptions = {}): Promise<SuccessResult> {
    return this.#handle.execute({ op: "pause" }, options);
  }

  /** Goes on with the task. */
  resume(options: CallOptions = {}): Promise<SuccessResult> {
    return this.#handle.execute({ op: "resume" }, options);
  }

  /** Cancels the task and ends every wait for it. The session stays usable. */
  cancel(options: CallOptions = {}): Promise<SuccessResult> {
    return this.#handle.execute({ op: "cancel" }, options);
  }

  /** Asks for the task's execution status. */
  async status(options: CallOptions = {}): Promise<ExecutionStatus> {
    const { status } = await this.#handle.execute({ op: "status" }, options);
    return status;
  }

  /**
   * Waits for the result; the events need not be read. Rejects with `TaskError` if the task failed,
   * with `QuestionPending` while a question is open, with `TaskTimeout` after `timeout`.
   */
  async result(options: ResultOptions = {}): Promise<TaskResult> {
    const timeout = seconds("timeout", known(options, RESULT_OPTIONS).timeout);
    try {
      const wire = await this.#handle.execute({ op: "result", timeout }, options, RESULT_OPTIONS);
      return new TaskResult(wire);
    } catch (error) {
      if (error instanceof QuestionPending) error.task = this;
      throw error;
    }
  }

  /** The next event. Calls that overlap are answered in their order. */
  next(): Promise<IteratorResult<AgiEvent, undefined>> {
    return this.#handle.next();
  }

  /** The same as `close()`, for who reads it as an iterator; a loop that is left does not call it. */
  return(): Promise<IteratorReturnResult<undefined>> {
    return this.#handle.return();
  }

  /** Stops reading events and frees the socket. Does not cancel the task. */
  close(): Promise<void> {
    return this.#handle.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<AgiEvent, undefined, undefined> {
    return this.#handle.iterator();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * The task that the native half started.
 * @internal
 */
export function startedTask(
  started: NativeTask | NativeTaskFailure,
  signal: AbortSignal | undefined,
  run?: Run,
): Task {
  if (!("error" in started)) return new Task(started, signal, run);
  const error = errorFrom(started);
  const running = started.task();
  if (running !== null) (error as ConflictError).task = new Task(running, undefined);
  throw error;
}

/**
 * The task of a handle.
 * @internal
 */
export function resumeTask(
  client: NativeClient,
  resume: Resume,
  signal: AbortSignal | undefined,
): Promise<Task> {
  const traced = run(client, "resume", {});
  const native = traced?.native ?? client;
  return starting(traced, async () => {
    const started = await cancellable(native, signal, (id) =>
      native.resume(id, JSON.stringify(resume)),
    );
    return startedTask(started, signal, traced);
  });
}

// Here, so that the errors, which everything needs, need no task.
declare module "../errors.js" {
  interface QuestionPending {
    /** The task, still answerable; null where its session is gone. */
    task: Task | null;
  }
  interface ConflictError {
    /** The task in progress, if this client started it: answer it, wait for it, or cancel it. */
    task: Task | null;
  }
}

/** What `runTask` needs of a session. */
interface Starter {
  readonly sessionId: string;
  startTask(message: string, options: StartTaskOptions): Promise<Task>;
}

/**
 * Runs a task to its end, and others until the result fits `output`.
 * @internal
 */
export async function runTask<T>(
  session: Starter,
  message: string,
  options: RunTaskOptions<T>,
): Promise<TaskResult<T>> {
  known(options, RUN_TASK);
  checkCallback("onQuestion", options.onQuestion);
  checkCallback("onEvent", options.onEvent);
  seconds("timeout", options.timeout);
  const wanted = Wanted.of(options);
  const asked = checked("message", message);
  const limit = new Limit(options.timeout, options.signal);
  try {
    let result = await runOne(session, wanted?.ask(asked) ?? asked, options, limit);
    for (;;) {
      const again = await wanted?.judge(result);
      if (again === undefined) return result as TaskResult<T>;
      const { startUrl: _, ifBusy: _busy, ...rest } = options;
      try {
        result = await runOne(session, again, rest, limit);
      } catch (error) {
        wanted?.lost(error);
        throw error;
      }
    }
  } finally {
    limit.clear();
  }
}

/** Starts a task, hands its events and questions to the callbacks and waits for the result. */
async function runOne(
  session: Starter,
  message: string,
  options: RunTaskOptions,
  limit: Limit,
): Promise<TaskResult> {
  let task: Task | undefined;
  let open = false;
  let expired = false;
  try {
    const { startUrl, ifBusy } = options;
    task = await session.startTask(message, { startUrl, ifBusy, signal: limit.signal });
    // Read also where nobody looks: a full queue would hold the stream back.
    await follow(task, options, limit.signal).catch((error) => {
      // `result` then knows what to say about it.
      if (error !== limit.expired) throw error;
      expired = true;
    });
    return await task
      .result({ timeout: limit.remaining(), signal: options.signal })
      .catch((error) => {
        // A question whose answer did not come in time is none that nobody would answer.
        const late =
          expired && error instanceof QuestionPending && options.onQuestion !== undefined;
        if (!(error instanceof TaskTimeout) && !late) throw error;
        // The time that remained is nothing that the caller knows.
        throw new TaskTimeout(
          `The task did not end within ${options.timeout} ms. Unless it was cancelled it goes on in its session: raise \`timeout\`, or wait for it there.`,
          { sessionId: session.sessionId, events: eventsOf(error) },
        );
      });
  } catch (error) {
    open = error instanceof QuestionPending;
    const timedOut = error === limit.expired || error instanceof TaskTimeout;
    if (timedOut && options.cancelOnTimeout) await task?.cancel().catch(() => {});
    task?.note(error);
    if (error !== limit.expired) throw error;
    throw new TaskTimeout(
      `The task was not started within ${options.timeout} ms. Raise \`timeout\`; look at the session's messages before you start it again.`,
      { sessionId: session.sessionId },
    );
  } finally {
    // A pending question leaves the task with the caller.
    if (!open) await task?.close();
  }
}

/** The events that an error knows. */
function eventsOf(error: TaskTimeout | QuestionPending): TaskTimeout["events"] {
  if (error instanceof TaskTimeout) return error.events;
  return error.question === null ? [] : [error.question];
}

/** Gives the events to the callbacks until the task ends or has a question that nobody answers. */
async function follow(task: Task, options: RunTaskOptions, signal: AbortSignal): Promise<void> {
  const { onEvent, onQuestion } = options;
  const events = task[Symbol.asyncIterator]();
  for (;;) {
    const { value: event, done } = await guarded(events.next(), signal);
    if (done || event === undefined) return;
    if (onEvent !== undefined)
      await guarded(
        task.within(() => onEvent(event)),
        signal,
      );
    // One that is not open any more has its answer from elsewhere.
    const { id } = event;
    if (event.type !== "question" || task.question?.id !== id) continue;
    if (onQuestion === undefined) return;
    const asked = () => onQuestion(event as Question);
    const answer = await guarded(task.within(asked), signal);
    const text = checked("onQuestion's answer", answer);
    await guarded(task.answerTo(text, id, { signal }), signal);
  }
}
