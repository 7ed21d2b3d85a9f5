/**
 * An agent of one's own: a function that works on the emulator's tasks.
 */

import { inspect } from "node:util";
import { type CallOptions, checkSignal, text } from "./calls.js";
import {
  ConfigError,
  errorFrom,
  InvalidRequestError,
  TaskOver,
  type TaskOverReason,
} from "./errors.js";
import type { NativeAgentJob, NativeAgentPort } from "./native.js";

/** A task, as a function that plays the agent gets it. */
export interface AgentTask {
  /** What to do: the text of the message that started the task. */
  readonly text: string;
  /** The page to start on, where the message names one; nobody opened it yet. */
  readonly startUrl: string | null;
  /** The session it runs in. */
  readonly sessionId: string;
  /** The agent that the session was created with, such as `agi-0`. */
  readonly agentName: string;
  /** What else the session was created with, as it came: `goal`, `max_steps`, ... */
  readonly extra: Record<string, unknown>;
}

/** A page that an agent opened. */
export interface AgentPage {
  /** Where it ended up, after redirects. */
  readonly url: string;
  /** Its title; empty where it has none. */
  readonly title: string;
  /** What is readable on it, one piece a line. */
  readonly text: string;
  /** Why it could not be opened or read; null if it could. */
  readonly problem: string | null;
}

/**
 * A function that plays the agent. What it gives is the result, unless it said `done` or `fail`
 * or gives undefined; what it throws ends the task as a failure and is shown as a warning.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: most agents give nothing.
export type AgentFunction = (task: AgentTask, agent: Agent) => unknown | void;

interface Call {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  answer?: Promise<unknown>;
}

/** An item that the native half hands over. */
type Item =
  | { job: number; task: WireTask }
  | { call: number; value?: unknown; reason?: TaskOverReason; text: string }
  | { over: number; reason: TaskOverReason; text: string }
  | { end: true };

interface WireTask {
  text: string;
  start_url: string | null;
  session_id: string;
  agent_name: string;
  extra: Record<string, unknown>;
}

/** Takes the tasks of one emulator and lets the function work on them. */
export class AgentPump {
  readonly #run: AgentFunction;
  readonly #calls = new Map<number, Call>();
  readonly #aborts = new Map<number, AbortController>();
  #port: NativeAgentPort | null = null;
  /** No task will come any more. */
  #ended = false;
  #lastCall = 0;

  constructor(run: AgentFunction) {
    if (typeof run !== "function") {
      throw new ConfigError(
        `\`agent\` is not a function but ${run === null ? "null" : typeof run}. Give a function, ` +
          "plain or async, that takes the task and the agent.",
      );
    }
    this.#run = run;
  }

  /** For the native half: something can be taken. */
  readonly wake = (): void => {
    const items = JSON.parse(this.#port?.take() ?? "[]") as Item[];
    for (const item of items) {
      if ("job" in item) void this.#play(item.job, item.task);
      else if ("over" in item) this.#over(item.over, item);
      else if ("call" in item) this.#answer(item);
      else this.#ended = true;
    }
    // The native half holds on to this object as long as this one holds on to it.
    if (this.#ended && this.#aborts.size === 0 && this.#calls.size === 0) this.#port = null;
  };

  /** Begins with what came so far. */
  open(port: NativeAgentPort | null): void {
    this.#port = port;
    this.wake();
  }

  /** After the emulator's end: hands the last news out. */
  async close(): Promise<void> {
    await this.#port?.settled();
    this.wake();
  }

  /** A call of the agent. */
  start(job: NativeAgentJob, params: object, signal: AbortSignal | undefined): Promise<unknown> {
    checkSignal(signal);
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.#lastCall = (this.#lastCall % 0xffff_fffe) + 1;
    const id = this.#lastCall;
    const refused = job.start(id, JSON.stringify(params));
    if (refused !== null) return Promise.reject(errorFrom(refused));
    const call: Call = { resolve: ignore, reject: ignore };
    this.#calls.set(id, call);
    call.answer = new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#calls.delete(id);
        job.cancel(id);
        reject(signal?.reason);
      };
      const settle = <T>(how: (value: T) => void) => {
        return (value: T) => {
          signal?.removeEventListener("abort", onAbort);
          how(value);
        };
      };
      call.resolve = settle(resolve);
      call.reject = settle(reject);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
    return call.answer;
  }

  #answer(item: Extract<Item, { call: number }>): void {
    const call = this.#calls.get(item.call);
    this.#calls.delete(item.call);
    if (item.reason === undefined) call?.resolve(item.value);
    else {
      // A call that nobody awaits must not end the process because its task is over.
      call?.answer?.catch(ignore);
      call?.reject(new TaskOver(`${item.text}.`, item.reason));
    }
  }

  #over(id: number, { reason, text }: { reason: TaskOverReason; text: string }): void {
    const abort = this.#aborts.get(id);
    this.#aborts.delete(id);
    if (reason !== "ended") abort?.abort(new TaskOver(`${text}.`, reason));
  }

  async #play(id: number, wire: WireTask): Promise<void> {
    const job = this.#port?.job(id);
    // None: it was over before it began.
    if (job === undefined || job === null) return;
    const abort = new AbortController();
    this.#aborts.set(id, abort);
    const agent = new Agent(this, job, abort.signal);
    const { start_url: startUrl, session_id: sessionId, agent_name: agentName, ...rest } = wire;
    const task: AgentTask = { ...rest, startUrl, sessionId, agentName };
    try {
      const result = await this.#run.call(undefined, task, agent);
      if (agent.over === null) await agent.done(result === undefined ? "Task completed" : result);
      job.finish();
    } catch (error) {
      if (agent.over !== null && isEnd(error)) job.finish();
      else fail(job, sessionId, error);
    }
  }
}

/** Whether a function throws this because its task was taken away. */
function isEnd(error: unknown): boolean {
  return error instanceof TaskOver || (error instanceof Error && error.name === "AbortError");
}

function ignore(): void {}

/** Ends the task with what was thrown, and shows the developer where it came from. */
function fail(job: NativeAgentJob, sessionId: string, error: unknown): void {
  const what = error instanceof Error ? String(error) : inspect(error);
  job.finish(what);
  process.emitWarning(`The agent failed in session ${sessionId}: ${what}`, {
    type: "SessionwireWarning",
    detail: (error instanceof Error && error.stack) || "",
  });
}

/**
 * What a function that plays the agent can do with its task. Every call waits while the session is
 * paused, and rejects with `TaskOver` when the task is no longer the function's: cancelled, its
 * session deleted, the emulator closed.
 */
export class Agent {
  readonly #pump: AgentPump;
  readonly #job: NativeAgentJob;
  /** Aborts when the task is taken away; for `fetch` and the like. */
  readonly signal: AbortSignal;

  /** @internal */
  constructor(pump: AgentPump, job: NativeAgentJob, signal: AbortSignal) {
    this.#pump = pump;
    this.#job = job;
    this.signal = signal;
  }

  /** Reports a thought. */
  think(thought: string): Promise<void> {
    return this.#call({ op: "think", text: text("text", thought) });
  }

  /** Reports an action, with the page it happens on and a word for its kind, such as `click`. */
  step(
    step: string,
    options: { url?: string | undefined; action?: string | undefined } = {},
  ): Promise<void> {
    const { url, action } = options;
    return this.#call({ op: "step", text: text("text", step), url, action });
  }

  /** Reports context for debugging. */
  log(note: string): Promise<void> {
    return this.#call({ op: "log", text: text("text", note) });
  }

  /**
   * Asks the user and waits for the answer, however long it takes. Aborting the signal withdraws
   * the question.
   */
  ask(question: string, { signal }: CallOptions = {}): Promise<string> {
    return this.#call({ op: "ask", question: text("question", question) }, signal);
  }

  /**
   * Opens a page in the session's browser and reports that as a step. A page that cannot be opened
   * is no error: its `problem` says why.
   */
  navigate(url: string): Promise<AgentPage> {
    return this.#call({ op: "navigate", url: text("url", url) });
  }

  /** Waits so many milliseconds, up to a day; on the fast clock they pass at once. */
  sleep(milliseconds: number, { signal }: CallOptions = {}): Promise<void> {
    return this.#call({ op: "sleep", seconds: milliseconds / 1000 }, signal);
  }

  /** Pauses the session as a `pause` request does, and waits until it is resumed. */
  pause(): Promise<void> {
    return this.#call({ op: "pause" });
  }

  /** What the user sent since the last look, other than answers. Does not wait. */
  messages(): Promise<string[]> {
    return this.#call({ op: "messages" });
  }

  /** Waits for a message, other than an answer; one that came since the last look counts. */
  waitForMessage({ signal }: CallOptions = {}): Promise<string> {
    return this.#call({ op: "wait_for_message" }, signal);
  }

  /** Ends the task with a result: a text or any JSON; of an object the `summary` is the text. */
  done(result: unknown = "Task completed"): Promise<void> {
    if (JSON.stringify(result) === undefined) {
      const refused = `The result is ${typeof result}, which JSON lacks. Give text, numbers, lists, objects.`;
      return Promise.reject(new InvalidRequestError(refused));
    }
    return this.#call({ op: "done", result });
  }

  /** Ends the task as a failure. `statusCode` is that of the event; default: 500. */
  fail(
    error: string,
    { statusCode = 500 }: { statusCode?: number | undefined } = {},
  ): Promise<void> {
    return this.#call({ op: "fail", error: text("error", error), status_code: statusCode });
  }

  /** Why the task is no longer the function's, or null. */
  get over(): TaskOverReason | null {
    return this.#job.over() as TaskOverReason | null;
  }

  [inspect.custom](_depth: number, options: object): string {
    return `Agent ${inspect({ over: this.over }, options)}`;
  }

  #call<T>(params: object, signal?: AbortSignal): Promise<T> {
    return this.#pump.start(this.#job, params, signal) as Promise<T>;
  }
}
