/**
 * An agent of one's own: a function that works on the emulator's tasks, or on its turns.
 */

import { inspect } from "node:util";
import {
  ConfigError,
  errorFrom,
  InvalidRequestError,
  TaskOver,
  type TaskOverReason,
} from "../errors.js";
import type { NativeAgentJob, NativeAgentPort } from "../native.js";
import { type CallOptions, text as checkedText, checkSignal } from "../shared/calls.js";
import { takeFirst, takeNoMore } from "../shared/first.js";
import { reasonOf } from "../shared/foreign.js";

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

/** A turn (Raccoon), as a function that plays the agent gets it. What the request left out is empty, or null. */
export interface AgentTurn {
  /** What to do. */
  readonly prompt: string;
  /** `auto`, `plan`, `code`, `deepsearch` or `slides`. */
  readonly mode: string;
  /** The session it runs in. */
  readonly sessionId: string;
  /** The agent message that names the turn. */
  readonly messageId: string;
  /** The references to uploads, as on the wire: `key`, `name`, `type`, `size`. */
  readonly files: { key: string; name?: string; type?: string; size?: number }[];
  /** The objects to refer to, as they came. */
  readonly references: unknown[];
  /** The conversation so far, as it came. */
  readonly history: unknown[];
  /** The system instructions. */
  readonly basePrompt: string | null;
  /** `fast` or `think`. */
  readonly sdkVersion: string | null;
  /** The continuation data. */
  readonly continuation: string | null;
  /** What else the request had, as it came. */
  readonly extra: Record<string, unknown>;
}

/** An uploaded file, as a function that plays the agent reads it. */
export interface AgentFile {
  /** What it is stored under. */
  readonly key: string;
  /** Its name. */
  readonly name: string;
  /** Its media type. */
  readonly contentType: string;
  /** How many bytes it has. */
  readonly size: number;
  /** Its first 64 KiB: the emulator keeps no more. */
  readonly content: Buffer;
}

/** An entry of a plan. */
export interface AgentTodo {
  /** What is to be done. */
  content: string;
  /** `pending` (the default), `active` or `completed`. */
  status?: "pending" | "active" | "completed" | undefined;
  /** The same in every update; default: its place in the plan, from 1. */
  id?: string | undefined;
}

/**
 * A function that plays the agent in turns (Raccoon). A text that it gives is the answer, or the
 * last piece of it; without `done`, `abort` or `fail` the turn is completed. What it throws ends the
 * turn as a failure and is shown as a warning.
 */
export type TurnAgentFunction = (
  turn: AgentTurn,
  agent: TurnAgent,
  // biome-ignore lint/suspicious/noConfusingVoidType: many agents give nothing.
) => string | void | Promise<string | void>;

interface Call {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  reply?: Promise<unknown>;
}

/** An item of the native queue. */
type Item =
  | { job: number; task: WireTask }
  | { call: number; value?: unknown; reason?: TaskOverReason; text: string }
  | { over: number; reason: TaskOverReason; text: string }
  | { end: true };

/** A task or a turn, as it crosses. */
interface WireTask {
  session_id: string;
  [name: string]: unknown;
}

/** Lets the user's function work on a job. */
type Play = (work: WireTask, pump: AgentPump, job: NativeAgentJob, signal: AbortSignal) => Playing;

/** A job under way. */
interface Playing {
  agent: Calls;
  /** Settles when the function has, and has ended its job. */
  ended: Promise<void>;
}

/** Lets a function work on tasks. */
export function taskAgent(run: AgentFunction): Play {
  checkFunction("agent", run);
  return (work, pump, job, signal) => {
    const agent = new Agent(pump, job, signal);
    const play = async () => {
      const result = await run.call(undefined, camelCased(work) as unknown as AgentTask, agent);
      if (agent.over === null) await agent.done(result === undefined ? "Task completed" : result);
    };
    return { agent, ended: play() };
  };
}

/** Lets a function work on turns. */
export function turnAgent(run: TurnAgentFunction): Play {
  checkFunction("turnAgent", run);
  return (work, pump, job, signal) => {
    const agent = new TurnAgent(pump, job, signal);
    const play = async () => {
      const result = await run.call(undefined, camelCased(work) as unknown as AgentTurn, agent);
      if (agent.over !== null) return;
      if (result !== undefined) {
        if (typeof result !== "string") {
          throw new InvalidRequestError(
            `The function gave ${result === null ? "null" : typeof result}. Give the text of the answer, or nothing after \`say\`.`,
          );
        }
        await agent.say(result);
      }
      await agent.done();
    };
    return { agent, ended: play() };
  };
}

function checkFunction(name: string, run: unknown): void {
  if (typeof run === "function") return;
  throw new ConfigError(
    `\`${name}\` is not a function but ${run === null ? "null" : typeof run}. Give a function, ` +
      `plain or async, that takes the ${name === "agent" ? "task" : "turn"} and the agent.`,
  );
}

/** The fields as users name them; what is in them stays as it came. */
function camelCased(work: WireTask): Record<string, unknown> {
  const renamed = Object.entries(work).map(([name, value]) => [camelCase(name), value]);
  return Object.fromEntries(renamed);
}

function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** Takes the tasks or turns of one emulator and lets a function work on them. */
export class AgentPump {
  readonly #play: Play;
  readonly #calls = new Map<number, Call>();
  readonly #aborts = new Map<number, AbortController>();
  #port: NativeAgentPort | null = null;
  /** No task will come any more. */
  #ended = false;
  #lastCall = 0;

  constructor(play: Play) {
    this.#play = play;
  }

  /** For the native half: something can be taken. */
  readonly wake = (): void => {
    const items = JSON.parse(this.#port?.take() ?? "[]") as Item[];
    for (const item of items) {
      if ("job" in item) void this.#work(item.job, item.task);
      else if ("over" in item) this.#over(item.over, item);
      else if ("call" in item) this.#reply(item);
      else this.#ended = true;
    }
    // The native half holds on to this object as long as this one holds on to it.
    if (this.#ended && this.#aborts.size === 0 && this.#calls.size === 0) {
      this.#port = null;
      takeNoMore(this.wake);
    }
  };

  /** Begins with what came so far. */
  open(port: NativeAgentPort | null): void {
    this.#port = port;
    takeFirst(this.wake);
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
    if (signal?.aborted) return Promise.reject(reasonOf(signal));
    this.#lastCall = (this.#lastCall % 0xffff_fffe) + 1;
    const id = this.#lastCall;
    const refused = job.start(id, JSON.stringify(params));
    if (refused !== null) return Promise.reject(errorFrom(refused));
    const call: Call = { resolve: ignore, reject: ignore };
    this.#calls.set(id, call);
    call.reply = new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#calls.delete(id);
        job.cancel(id);
        reject(signal && reasonOf(signal));
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
    return call.reply;
  }

  #reply(item: Extract<Item, { call: number }>): void {
    const call = this.#calls.get(item.call);
    this.#calls.delete(item.call);
    if (item.reason === undefined) call?.resolve(item.value);
    else {
      // A call that nobody awaits must not end the process because its task is over.
      call?.reply?.catch(ignore);
      call?.reject(new TaskOver(`${item.text}.`, item.reason));
    }
  }

  #over(id: number, { reason, text }: { reason: TaskOverReason; text: string }): void {
    const abort = this.#aborts.get(id);
    this.#aborts.delete(id);
    if (reason !== "ended") abort?.abort(new TaskOver(`${text}.`, reason));
  }

  async #work(id: number, work: WireTask): Promise<void> {
    const job = this.#port?.job(id);
    // None: it was over before it began.
    if (job === undefined || job === null) return;
    const abort = new AbortController();
    this.#aborts.set(id, abort);
    const { agent, ended } = this.#play(work, this, job, abort.signal);
    try {
      await ended;
      job.finish();
    } catch (error) {
      if (agent.over !== null && isEnd(error)) job.finish();
      else fail(job, work.session_id, error);
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

/** What agents of both services do. */
class Calls {
  readonly #pump: AgentPump;
  readonly #job: NativeAgentJob;
  /** Aborts when the work is taken away; for `fetch` and the like. */
  readonly signal: AbortSignal;

  /** @internal */
  constructor(pump: AgentPump, job: NativeAgentJob, signal: AbortSignal) {
    this.#pump = pump;
    this.#job = job;
    this.signal = signal;
  }

  /** Waits so many milliseconds, up to a day; on the fast clock they pass at once. */
  sleep(milliseconds: number, { signal }: CallOptions = {}): Promise<void> {
    return this.call({ op: "sleep", seconds: milliseconds / 1000 }, signal);
  }

  /** What the user sent since the last look, other than answers. Does not wait. */
  messages(): Promise<string[]> {
    return this.call({ op: "messages" });
  }

  /** Waits for a message, other than an answer; one that came since the last look counts. */
  waitForMessage({ signal }: CallOptions = {}): Promise<string> {
    return this.call({ op: "wait_for_message" }, signal);
  }

  /** Why the work is no longer the function's, or null. */
  get over(): TaskOverReason | null {
    return this.#job.over() as TaskOverReason | null;
  }

  [inspect.custom](_depth: number, options: object): string {
    return `${this.constructor.name} ${inspect({ over: this.over }, options)}`;
  }

  /** @internal */
  protected call<T>(params: object, signal?: AbortSignal): Promise<T> {
    return this.#pump.start(this.#job, params, signal) as Promise<T>;
  }
}

/**
 * What a function that plays the agent can do with its task. Every call waits while the session is
 * paused, and rejects with `TaskOver` when the task is no longer the function's: cancelled, its
 * session deleted, the emulator closed.
 */
export class Agent extends Calls {
  /** Reports a thought. */
  think(text: string): Promise<void> {
    return this.call({ op: "think", text: checkedText("text", text) });
  }

  /** Reports an action, with the page it happens on and a word for its kind, such as `click`. */
  step(
    text: string,
    options: { url?: string | undefined; action?: string | undefined } = {},
  ): Promise<void> {
    const { url, action } = options;
    return this.call({ op: "step", text: checkedText("text", text), url, action });
  }

  /** Reports context for debugging. */
  log(text: string): Promise<void> {
    return this.call({ op: "log", text: checkedText("text", text) });
  }

  /**
   * Asks the user and waits for the answer, however long it takes. Aborting the signal withdraws
   * the question.
   */
  ask(question: string, { signal }: CallOptions = {}): Promise<string> {
    return this.call({ op: "ask", question: checkedText("question", question) }, signal);
  }

  /**
   * Opens a page in the session's browser and reports that as a step. A page that cannot be opened
   * is no error: its `problem` says why.
   */
  navigate(url: string): Promise<AgentPage> {
    return this.call({ op: "navigate", url: checkedText("url", url) });
  }

  /** Pauses the session as a `pause` request does, and waits until it is resumed. */
  pause(): Promise<void> {
    return this.call({ op: "pause" });
  }

  /** Ends the task with a result: a text or any JSON; of an object the `summary` is the text. */
  done(result: unknown = "Task completed"): Promise<void> {
    return json("result", result) ?? this.call({ op: "done", result });
  }

  /** Ends the task as a failure. `statusCode` is that of the event; default: 500. */
  fail(
    error: string,
    { statusCode = 500 }: { statusCode?: number | undefined } = {},
  ): Promise<void> {
    return this.call({ op: "fail", error: checkedText("error", error), status_code: statusCode });
  }
}

/**
 * What a function that plays the agent can do with its turn (Raccoon). Every call rejects with
 * `TaskOver` when the turn is no longer the function's: stopped, its session deleted, the emulator
 * closed.
 */
export class TurnAgent extends Calls {
  /**
   * Reports a thought. `block` is the block that its pieces belong to (default: one of its own),
   * `finalize` whether the block is finished with it (default: true).
   */
  think(
    text: string,
    options: { block?: string | undefined; finalize?: boolean | undefined } = {},
  ): Promise<void> {
    const { block, finalize } = options;
    return this.call({ op: "think", text: checkedText("text", text), block, finalize });
  }

  /** Says a piece of the answer. The pieces, put together, are the turn's text. */
  say(text: string, { block }: { block?: string | undefined } = {}): Promise<void> {
    return this.call({ op: "say", text: checkedText("text", text), block });
  }

  /** Reports a tool that began and ended: what it gave, and how it went (default: `success`). */
  async tool(
    name: string,
    output: unknown = null,
    options: { status?: string | undefined } = {},
  ): Promise<void> {
    const refused = json("output", output);
    if (refused !== undefined) return refused;
    await this.endTool(await this.startTool(name), output, options);
  }

  /** Reports that a tool begins; gives its block, for `endTool`. */
  startTool(name: string): Promise<string> {
    return this.call({ op: "start_tool", name: checkedText("name", name) });
  }

  /** Reports what a tool gave, and how it went: `success` (the default), `error`, ... */
  endTool(
    blockId: string,
    output: unknown = null,
    { status }: { status?: string | undefined } = {},
  ): Promise<void> {
    const block_id = checkedText("blockId", blockId);
    return json("output", output) ?? this.call({ op: "end_tool", block_id, output, status });
  }

  /** Reports the whole plan as it is now: texts, or objects with `content` and `status`. */
  plan(todos: readonly (string | AgentTodo)[]): Promise<void> {
    return this.call({ op: "plan", todos });
  }

  /** Reports files of the sandbox by their paths: those that were written, and those deleted. */
  snapshot(
    written: readonly string[] = [],
    { deleted = [] }: { deleted?: readonly string[] | undefined } = {},
  ): Promise<void> {
    return this.call({ op: "snapshot", written, deleted });
  }

  /** Reports an event of any kind. One that ends a turn, such as `task.error`, ends this one. */
  event(
    kind: string,
    payload: Record<string, unknown> = {},
    { blockId: block_id }: { blockId?: string | undefined } = {},
  ): Promise<void> {
    const refused = json("payload", payload);
    return (
      refused ?? this.call({ op: "event", kind: checkedText("kind", kind), payload, block_id })
    );
  }

  /** An uploaded file by its key; null where nothing was uploaded under it. */
  async readFile(key: string): Promise<AgentFile | null> {
    const file = await this.call<WireFile | null>({
      op: "read_file",
      key: checkedText("key", key),
    });
    if (file === null) return null;
    const { content_type: contentType, content, ...rest } = file;
    return { ...rest, contentType, content: Buffer.from(content, "base64") };
  }

  /** Completes the turn. `content` is that of the agent's message in the history; default: what was said. */
  done({ content }: { content?: string | undefined } = {}): Promise<void> {
    return this.call({ op: "done", content });
  }

  /** Ends the turn as aborted. */
  abort(reason: string): Promise<void> {
    return this.call({ op: "abort", reason: checkedText("reason", reason) });
  }

  /** Ends the turn as a failure, with this `code` in the event. */
  fail(error: string, { code }: { code?: string | undefined } = {}): Promise<void> {
    return this.call({ op: "fail", error: checkedText("error", error), code });
  }
}

interface WireFile {
  key: string;
  name: string;
  content_type: string;
  size: number;
  content: string;
}

/** Refuses what JSON lacks; undefined: it is JSON. */
function json(name: string, value: unknown): Promise<never> | undefined {
  if (JSON.stringify(value) !== undefined) return undefined;
  const refused = `The ${name} is ${typeof value}, which JSON lacks. Give text, numbers, lists, objects.`;
  return Promise.reject(new InvalidRequestError(refused));
}
