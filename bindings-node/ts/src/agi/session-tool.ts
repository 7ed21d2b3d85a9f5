/**
 * A session as a tool for frameworks of agents: what a call left open, the next one goes on with.
 */

import { ConflictError, QuestionPending, TaskError, TaskTimeout } from "../errors.js";
import { type CallOptions, text } from "../shared/calls.js";
import { throwIfAborted } from "../shared/foreign.js";
import { guarded, Limit } from "../shared/limit.js";
import type { AgiEvent, Question } from "./events.js";
import type { Task } from "./task.js";
import { failed, type ToolNames, told } from "./tool.js";

/** How a session is a tool. */
export interface SessionToolOptions extends ToolNames {
  /**
   * Gives the answer to a question; null leaves it open. If it throws, such as the interrupt of a
   * framework, the task stays as it is, and the next call with the same task asks again. Default: the
   * next call's `task` is the answer.
   */
  onQuestion?:
    | ((question: Question) => string | null | undefined | Promise<string | null | undefined>)
    | undefined;
  /** Is called with each event of the tasks, in order; the next one waits for it. */
  onEvent?: ((event: AgiEvent) => unknown) | undefined;
  /** Milliseconds for one call. Default: no limit. */
  timeout?: number | undefined;
}

/** What a tool needs of its session. */
export interface ToolSession {
  prepare(task: string, startUrl: string | undefined): Promise<string>;
  resume(handle: string): Promise<Task>;
}

const AT_WORK = "The browser is at work, and takes one task at a time.";
/** Milliseconds to see that a question is still open. */
const LOOK = 10_000;
/** Results that nobody came back for are kept, so many of them. */
const UNFETCHED = 16;

/** A task that a call left open: a question waits, or the call was broken off. */
interface Left {
  text: string;
  task: Task;
  events: AsyncIterator<AgiEvent, undefined, undefined>;
  /** A look for the next event that a call left behind: it may have taken one. */
  next?: Promise<IteratorResult<AgiEvent, undefined>> | undefined;
  /** What it asked so far. */
  asked: Question[];
  /** Whether the model was told to answer. An interrupt answers by itself. */
  answerable: boolean;
  /** Answers of the model, by what it said; those on their way go on where their call was aborted. */
  given: Map<string, Promise<unknown> | null>;
}

/** The calls of one tool, one at a time. */
export class SessionTool {
  readonly #session: ToolSession;
  readonly #options: SessionToolOptions;
  #left: Left | undefined;
  /** Tasks that ended after their call was told to come back, and before it did. */
  readonly #unfetched = new Map<string, Task>();
  /** Handles of tasks whose sending was broken off: they are looked up before they are sent again. */
  readonly #unsure = new Map<string, string>();
  /** Their sending goes on where the call was aborted. */
  readonly #sending = new Map<string, Promise<Task>>();
  #working = false;

  constructor(session: ToolSession, options: SessionToolOptions) {
    this.#session = session;
    this.#options = options;
  }

  async call(
    task: string,
    startUrl: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    text("task", task);
    throwIfAborted(signal);
    // Frameworks call tools at once.
    if (this.#working) return `${AT_WORK} Call this tool again when the other call is over.`;
    this.#working = true;
    const limit = new Limit(this.#options.timeout, signal);
    try {
      return await this.#one(task, startUrl, limit, { signal });
    } finally {
      limit.clear();
      this.#working = false;
    }
  }

  async #one(
    text: string,
    startUrl: string | undefined,
    limit: Limit,
    options: CallOptions,
  ): Promise<string> {
    const earlier = this.#unfetched.get(text);
    this.#unfetched.delete(text);
    let left: Left | undefined;
    try {
      if (earlier === undefined) {
        left = await this.#begin(text, startUrl, limit.signal);
        left.answerable = false;
        await this.#attend(left, limit.signal);
      }
      const task = earlier ?? (left as Left).task;
      const result = await task.result({ timeout: limit.remaining(), ...options });
      if (left !== undefined) this.#left = undefined;
      await task.close();
      return told(result);
    } catch (error) {
      if (error instanceof ConflictError) {
        if (error.code !== "session_has_moved_on")
          return `${AT_WORK.slice(0, -1)}: ${error.detail}`;
        this.#unsure.delete(text);
        return `${error.detail}. Call this tool again if the task is still wanted.`;
      }
      if (error instanceof QuestionPending && left !== undefined) {
        left.answerable = true;
        left.given.clear();
        return (
          `The agent asks: ${error.question?.text} Call this tool with the answer as \`task\`; ` +
          "it then goes on."
        );
      }
      if (error === limit.expired || error instanceof TaskTimeout) {
        if (earlier !== undefined) this.#unfetched.set(text, earlier);
        return "The task has not ended yet. Call this tool with the same task to wait for it.";
      }
      if (error instanceof TaskError) {
        if (left !== undefined) this.#left = undefined;
        await (earlier ?? left?.task)?.close();
        return failed(error);
      }
      if (earlier !== undefined) this.#unfetched.set(text, earlier);
      throw error;
    }
  }

  /** The task of this call: one that was left, or a new one. */
  async #begin(text: string, startUrl: string | undefined, signal: AbortSignal): Promise<Left> {
    const left = this.#left;
    if (left !== undefined && left.text === text) {
      if (this.#options.onQuestion !== undefined) await this.#goOn(left, signal);
      return left;
    }
    if (left !== undefined) {
      await this.#answered(left, signal);
      if (left.answerable && left.task.question !== null) {
        left.given.set(text, kept(left.task.answer(text)));
        await this.#answered(left, signal);
      }
      if (left.given.has(text)) return left;
    }
    // Another task never gets this one's result.
    const task = await this.#send(text, startUrl, signal);
    if (left !== undefined) await this.#put(left);
    this.#left = {
      text,
      task,
      events: task[Symbol.asyncIterator](),
      asked: [],
      answerable: false,
      given: new Map(),
    };
    return this.#left;
  }

  /** Keeps a task whose call may come back for its result. */
  async #put({ text, task }: Left): Promise<void> {
    this.#unfetched.set(text, task);
    for (const [oldest, other] of this.#unfetched) {
      if (this.#unfetched.size <= UNFETCHED) break;
      this.#unfetched.delete(oldest);
      await other.close();
    }
  }

  /** Sends a task once, also where an earlier call was aborted in the middle of it. */
  async #send(text: string, startUrl: string | undefined, signal: AbortSignal): Promise<Task> {
    let handle = this.#unsure.get(text);
    if (handle === undefined) {
      handle = await guarded(this.#session.prepare(text, startUrl), signal);
      this.#unsure.set(text, handle);
    }
    const sending = this.#sending.get(text) ?? kept(this.#session.resume(handle));
    this.#sending.set(text, sending);
    let task: Task;
    try {
      task = await guarded(sending, signal);
    } catch (error) {
      if (!signal.aborted) this.#sending.delete(text);
      throw error;
    }
    this.#sending.delete(text);
    this.#unsure.delete(text);
    for (const oldest of this.#unsure.keys()) {
      if (this.#unsure.size <= UNFETCHED) break;
      this.#unsure.delete(oldest);
      this.#sending.delete(oldest);
    }
    return task;
  }

  /** Waits until no answer is on its way. */
  async #answered(left: Left, signal: AbortSignal): Promise<void> {
    for (const [text, answer] of left.given) {
      if (answer === null) continue;
      try {
        await guarded(answer, signal);
      } catch (error) {
        if (!signal.aborted) left.given.delete(text);
        throw error;
      }
      left.given.set(text, null);
    }
  }

  /**
   * A framework's interrupt left the call, and makes it again with the answer at hand. It counts its
   * interrupts from the top, so what was asked is asked again; only the last answer is new.
   */
  async #goOn(left: Left, signal: AbortSignal): Promise<void> {
    const open = left.task.question;
    const earlier = open === null ? left.asked : left.asked.slice(0, -1);
    left.asked = [];
    for (const question of earlier) await this.#ask(left, question, signal);
    if (open === null) return;
    const answer = await this.#ask(left, open, signal);
    if (answer !== undefined) await left.task.answerTo(answer, open.id, { signal });
  }

  async #ask(left: Left, question: Question, signal: AbortSignal): Promise<string | undefined> {
    const { onQuestion } = this.#options;
    left.asked.push(question);
    if (onQuestion === undefined) return undefined;
    const answer = await guarded(
      left.task.within(() => onQuestion(question)),
      signal,
    );
    return answer == null ? undefined : text("onQuestion's answer", answer);
  }

  /** Reads the events for the callbacks: to the end, or to a question that is left open. */
  async #attend(left: Left, signal: AbortSignal): Promise<void> {
    const { onEvent } = this.#options;
    const { task } = left;
    const open = task.question;
    if (open !== null && left.asked.some(({ id }) => id === open.id)) {
      // Its event was read before: nothing would come until somebody answers. See that it is open still.
      await task.result({ timeout: LOOK, signal });
      return;
    }
    for (;;) {
      left.next ??= kept(left.events.next());
      const { value: event, done } = await guarded(left.next, signal);
      left.next = undefined;
      if (done || event === undefined) return;
      if (onEvent !== undefined)
        await guarded(
          task.within(() => onEvent(event)),
          signal,
        );
      // One that is not open any more has its answer from elsewhere.
      if (event.type !== "question" || task.question?.id !== event.id) continue;
      const answer = await this.#ask(left, event as Question, signal);
      if (answer === undefined) return;
      await guarded(task.answerTo(answer, event.id, { signal }), signal);
    }
  }
}

/** A promise that may be left alone: whoever comes back for it hears of its failure. */
function kept<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
