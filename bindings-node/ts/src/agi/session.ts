/**
 * A session.
 */

import { inspect } from "node:util";
import type { Scenario } from "../emulator/scenario.js";
import { errorFrom, orThrow, type SessionwireError } from "../errors.js";
import { type NativeClient, native, type Picture } from "../native.js";
import {
  CALL,
  type CallOptions,
  cancellable,
  checkCallback,
  text as checked,
  checkSignal,
  count,
  execute,
  executeRaw,
  seconds,
  secondsOrNone,
} from "../shared/calls.js";
import { throwIfAborted } from "../shared/foreign.js";
import { known, type Names, warnUnknownTypes } from "../shared/known.js";
import { type DeleteResult, parseTime, type SuccessResult, take } from "../shared/models.js";
import { carrying, run, starting } from "../shared/telemetry.js";
import { warn } from "../shared/warn.js";
import { EventStream } from "../stream/stream.js";
import { agiEventAt, type EventType } from "./events.js";
import {
  type ExecutionStatus,
  type Message,
  type Messages,
  messageFrom,
  messagesFrom,
  type SessionStatus,
  type TaskResult,
} from "./models.js";
import { Screenshot } from "./screenshot.js";
import type {
  Operation,
  Outputs,
  SessionInfo,
  StartTask,
  EventOptions as WireEvents,
  SnapshotOptions as WireSnapshot,
} from "./seam.js";
import { SessionTool, type SessionToolOptions } from "./session-tool.js";
import {
  PREPARE_TASK,
  type PrepareTaskOptions,
  type RunTaskOptions,
  resumeTask,
  runTask,
  START_TASK,
  type StartTaskOptions,
  startedTask,
  type Task,
} from "./task.js";
import { type AgentTool, toolOf } from "./tool.js";

/** An operation without the session's id, which the session adds; one by one for a union. */
type About<One> = One extends unknown ? Omit<One, "session_id"> : never;

/** What a delete keeps of a session. */
export interface SnapshotOptions {
  /** Saves the session's state so that it can be restored. Default: `none`. */
  saveSnapshotMode?: "none" | "memory" | "filesystem" | (string & {}) | undefined;
  /** Makes the snapshot the user's default environment; needs a mode that saves one. */
  saveAsDefault?: boolean | undefined;
}

/** How a session is deleted. */
export interface DeleteOptions extends SnapshotOptions, CallOptions {}

/** How a message is sent. */
export interface SendMessageOptions extends CallOptions {
  /** The page to open first; at most 2,000 characters. */
  startUrl?: string | undefined;
}

/** Which messages are read. */
export interface MessagesOptions extends CallOptions {
  /** Only messages with a higher id. Default: 0. */
  afterId?: number | undefined;
  /** Hides system entries and image payloads. Default: true. */
  sanitize?: boolean | undefined;
}

/** Which messages are followed, and how often somebody looks. */
export interface FollowMessagesOptions extends MessagesOptions {
  /** Milliseconds between two looks. Default: 2,000. */
  pollInterval?: number | undefined;
}

/** Which events of a session come, and how they are read. */
export interface EventsOptions extends CallOptions {
  /** Only events of these types; default: all but heartbeats. */
  eventTypes?: readonly (EventType | (string & {}))[] | undefined;
  /** Hides system entries and image payloads. Default: true. */
  sanitize?: boolean | undefined;
  /** Starts with the session's stored events. Default: true. */
  includeHistory?: boolean | undefined;
  /** Milliseconds without a complete event after which the stream reconnects. Default: 90,000. */
  idleTimeout?: number | undefined;
  /**
   * Failed attempts to connect in a row after which the messages are read instead, until the stream
   * can be opened again. Default: 5.
   */
  maxReconnects?: number | undefined;
  /** Milliseconds from the first look for an event on; then `TaskTimeout`. Default: no limit. */
  timeout?: number | undefined;
}

/** How a page is opened. */
export interface NavigateOptions extends CallOptions {
  /** Milliseconds to wait then, at most an hour, so that the page can settle. Default: 0. */
  settle?: number | undefined;
}

/** Where `goto` led. */
export interface Navigation {
  /** The URL after redirects. */
  currentUrl: string;
  /** Whether that is another site than the one that was asked for: its host differs, other than by `www.`. */
  redirected: boolean;
}

/** How a task is switched to. */
export interface SwitchToOptions extends CallOptions {
  /** The page to open first; at most 2,000 characters. */
  startUrl?: string | undefined;
}

/** Which pictures are taken. */
export interface ScreenshotsOptions {
  /** Milliseconds between two pictures. The first is taken at once. */
  every: number;
  /** The folder for them, which is made where there is none. A picture is named by its time. */
  directory: string;
}

/** How long somebody waits, and how often they look. */
export interface WaitOptions extends CallOptions {
  /** Milliseconds; then `TaskTimeout`. Default: no limit. */
  timeout?: number | undefined;
  /** Milliseconds between two looks. Default: 2,000. */
  pollInterval?: number | undefined;
}

/** What a recording leaves out. */
export interface RecordOptions extends CallOptions {
  /** More texts to redact, of 4 characters or more. */
  secrets?: readonly string[] | undefined;
}

/** @internal */
export const SNAPSHOT: Names<SnapshotOptions> = {
  saveSnapshotMode: true,
  saveAsDefault: true,
};

/** @internal */
export const DELETE: Names<DeleteOptions> = {
  ...CALL,
  ...SNAPSHOT,
};

const SEND: Names<SendMessageOptions> = {
  ...CALL,
  startUrl: true,
};

const MESSAGES: Names<MessagesOptions> = {
  ...CALL,
  afterId: true,
  sanitize: true,
};

const FOLLOW: Names<FollowMessagesOptions> = {
  ...MESSAGES,
  pollInterval: true,
};

const EVENTS: Names<EventsOptions> = {
  ...CALL,
  eventTypes: true,
  sanitize: true,
  includeHistory: true,
  idleTimeout: true,
  maxReconnects: true,
  timeout: true,
};

const NAVIGATE: Names<NavigateOptions> = {
  ...CALL,
  settle: true,
};

const SWITCH_TO: Names<SwitchToOptions> = {
  ...CALL,
  startUrl: true,
};

const SCREENSHOTS: Names<ScreenshotsOptions> = {
  every: true,
  directory: true,
};

const WAIT: Names<WaitOptions> = {
  ...CALL,
  timeout: true,
  pollInterval: true,
};

const RECORD: Names<RecordOptions> = {
  ...CALL,
  secrets: true,
};

const TOOL: Names<SessionToolOptions> = {
  name: true,
  description: true,
  onQuestion: true,
  onEvent: true,
  timeout: true,
};

/**
 * One session. `await using` deletes it on every way out of the block; a delete that fails is
 * reported with `process.emitWarning` and never hides what was thrown in the block.
 */
export class Session implements AsyncDisposable {
  readonly #native: NativeClient;
  readonly #snapshot: SnapshotOptions;
  #info: SessionInfo;
  #deleted = false;

  /** @internal */
  constructor(native: NativeClient, info: SessionInfo, snapshot: SnapshotOptions = {}) {
    this.#native = native;
    this.#info = info;
    this.#snapshot = snapshot;
  }

  /** The id: an opaque text. */
  get sessionId(): string {
    return this.#info.session_id;
  }

  /** The agent that works in it; empty until it was read (see `attach`). */
  get agentName(): string {
    return this.#text("agent_name") ?? "";
  }

  /** The life-cycle status as last read; empty until it was read. */
  get status(): SessionStatus {
    return this.#text("status") ?? "";
  }

  /** Null where it is not known or cannot be read (see `extra.created_at`). */
  get createdAt(): Date | null {
    return parseTime(this.#info.created_at);
  }

  /** The live view, or null. */
  get vncUrl(): string | null {
    return this.#text("vnc_url");
  }

  #text(name: string): string | null {
    const value = this.#info[name];
    return typeof value === "string" ? value : null;
  }

  /** Every other field, as it came: `agent_url`, `environment_id`, `goal`, ... */
  get extra(): Record<string, unknown> {
    const { created_at, ...extra } = this.#info as Record<string, unknown>;
    for (const name of ["session_id", "agent_name", "status", "vnc_url"]) {
      take(extra, name, "string", null);
    }
    if (created_at && this.createdAt === null) extra.created_at = created_at;
    return extra;
  }

  /** Reads the fields again. */
  async refresh(options: CallOptions = {}): Promise<this> {
    this.#info = await this.#execute({ op: "get_session" }, options);
    return this;
  }

  /** Sends a task, an answer or an update: 1 to 10,000 characters. */
  sendMessage(message: string, options: SendMessageOptions = {}): Promise<SuccessResult> {
    return this.#execute(
      {
        op: "send_message",
        message: { message: checked("message", message), start_url: options?.startUrl },
      },
      options,
      SEND,
    );
  }

  /**
   * Answers the question that is open in the session, whoever started its task: another program, for
   * example. Where none is open it rejects with an `InvalidRequestError`, and nothing was sent.
   */
  answer(text: string, options: CallOptions = {}): Promise<SuccessResult> {
    return this.#execute({ op: "answer_question", text: checked("text", text) }, options);
  }

  /** Asks for the task's execution status. */
  async executionStatus(options: CallOptions = {}): Promise<ExecutionStatus> {
    const reply = await this.#execute({ op: "execution_status" }, options);
    return reply.status;
  }

  /** Reads the messages. */
  async messages(options: MessagesOptions = {}): Promise<Messages> {
    const { afterId, sanitize } = known(options, MESSAGES);
    const wire = await this.#execute(
      { op: "messages", options: { after_id: count("afterId", afterId), sanitize } },
      options,
      MESSAGES,
    );
    return messagesFrom(wire);
  }

  /** The new messages, by polling, until the task ends. */
  async *followMessages(options: FollowMessagesOptions = {}): AsyncGenerator<Message, void, void> {
    const { sanitize, pollInterval = 2000 } = known(options, FOLLOW);
    const poll_interval = seconds("pollInterval", pollInterval);
    let after_id = count("afterId", options.afterId);
    for (;;) {
      const wire = await this.#execute(
        { op: "next_messages", options: { after_id, sanitize }, poll_interval },
        options,
        FOLLOW,
      );
      for (const message of wire.messages) {
        after_id = message.id;
        yield messageFrom(message);
      }
      if (wire.over) return;
    }
  }

  /** The session's events, each once and in order. */
  events(options: EventsOptions = {}): EventStream {
    checkSignal(known(options, EVENTS).signal);
    throwIfAborted(options.signal);
    const wire = { ...eventOptions(options), timeout: seconds("timeout", options.timeout) };
    const client = carrying(this.#native);
    const stream = orThrow(client.events(this.sessionId, JSON.stringify(wire)));
    return new EventStream(stream, agiEventAt, options.signal);
  }

  /**
   * Starts a task: 1 to 10,000 characters. The signal also ends the reading of its events. Rejects
   * with `ConflictError` where the session's last task has not ended, unless `ifBusy` says otherwise.
   */
  async startTask(message: string, options: StartTaskOptions = {}): Promise<Task> {
    known(options, START_TASK);
    const start: StartTask = {
      message: checked("message", message),
      start_url: options.startUrl,
      events: eventOptions(options),
      if_busy: options.ifBusy,
    };
    const { signal } = options;
    const { sessionId } = this;
    const subject = { sessionId, agent: this.agentName, input: start.message };
    const traced = run(this.#native, "start_task", subject);
    const client = traced?.native ?? this.#native;
    return starting(traced, async () => {
      const task = await cancellable(client, signal, (id) =>
        client.startTask(id, sessionId, JSON.stringify(start)),
      );
      return startedTask(task, signal, traced);
    });
  }

  /**
   * Cancels the task that runs, if one does, and starts another one: `startTask` with `ifBusy: "cancel"`.
   */
  switchTo(message: string, options: SwitchToOptions = {}): Promise<Task> {
    return this.startTask(message, { ...known(options, SWITCH_TO), ifBusy: "cancel" });
  }

  /**
   * Prepares a task without sending it, and gives its handle: `client.resume(handle)` sends it,
   * unless the session's history shows that it was sent already. Keep the handle first, and the task
   * is sent at most once, whatever dies when. The handle holds the message and the start page, no
   * key; it may be longer than 200 bytes. Rejects as `startTask` does.
   */
  prepareTask(message: string, options: PrepareTaskOptions = {}): Promise<string> {
    const { startUrl, ifBusy } = known(options, PREPARE_TASK);
    const task = { message: checked("message", message), start_url: startUrl, if_busy: ifBusy };
    return this.#execute({ op: "prepare_task", task }, options, PREPARE_TASK);
  }

  /**
   * Runs a task to its end and gives its result. Rejects with `TaskError` if it failed, with
   * `QuestionPending` if it asks and there is no `onQuestion`, with `TaskTimeout` after `timeout`, with
   * `ConflictError` where the session's last task has not ended (see `ifBusy`). With `output`, also
   * with a `TaskError` if the result does not fit; its `result` is what came.
   *
   * @example
   * ```ts
   * const Mug = z.object({ name: z.string(), price: z.number() });
   * const { output } = await session.runTask("Find a mug", { output: Mug, repairs: 1 });
   * ```
   */
  runTask<T = null>(message: string, options: RunTaskOptions<T> = {}): Promise<TaskResult<T>> {
    return runTask(this, message, options);
  }

  /**
   * This session as a tool for frameworks of agents, which runs one task at a time in it: the Vercel AI SDK
   * takes it as it is, OpenAI Agents by `tool(...)`, LangChain by `new DynamicStructuredTool(...)`. A
   * failure is a text, for the model to read. So is a question that nobody answers: the next call's
   * `task` is then its answer. A call that is aborted leaves its task at work, and the next call with
   * the same task goes on with it.
   *
   * @example
   * ```ts
   * const { text } = await generateText({ model, prompt, tools: { browse: session.asTool() } });
   * ```
   */
  asTool(options: SessionToolOptions = {}): AgentTool {
    const { name, description, ...others } = known(options, TOOL);
    checkCallback("onQuestion", others.onQuestion);
    checkCallback("onEvent", others.onEvent);
    seconds("timeout", others.timeout);
    const session = {
      prepare: (task: string, startUrl: string | undefined) => this.prepareTask(task, { startUrl }),
      resume: (handle: string) => resumeTask(this.#native, { handle, events: {} }, undefined),
    };
    const tool = new SessionTool(session, others);
    return toolOf({ name, description }, (...call) => tool.call(...call));
  }

  /** Waits by polling until the task ends or asks; gives the execution status. */
  async wait(options: WaitOptions = {}): Promise<ExecutionStatus> {
    const timeout = seconds("timeout", known(options, WAIT).timeout);
    const poll_interval = seconds("pollInterval", options.pollInterval);
    const reply = await this.#execute(
      { op: "wait", options: { timeout, poll_interval } },
      options,
      WAIT,
    );
    return reply.status;
  }

  /**
   * Records the session, history included, until its task ends; gives the scenario with which the
   * emulator plays it again: the same events with the same texts, data and pauses, and the same
   * questions. With a path it is also written there: JSON if it is named `.json`, else YAML. The
   * API key, the live view's address, and passwords and tokens in addresses, headers and fields are
   * replaced by `[redacted]`, and so are `secrets`; look it over before you share it.
   *
   * @example
   * ```ts
   * await session.runTask("Find a mug");
   * await session.record("mug.yaml");
   * const emulator = await Emulator.start({ scenario: "mug.yaml" });
   * ```
   */
  record(path: string, options?: RecordOptions): Promise<Scenario>;
  record(options?: RecordOptions): Promise<Scenario>;
  async record(
    path: string | RecordOptions = {},
    options: RecordOptions = typeof path === "string" ? {} : path,
  ): Promise<Scenario> {
    const recording = await this.#execute({ op: "record" }, options, RECORD);
    const file = typeof path === "string" ? path : undefined;
    const secrets = [...(options.secrets ?? [])];
    const scenario = native.recordScenario(JSON.stringify(recording), secrets, file);
    if (typeof scenario !== "string") throw errorFrom(scenario);
    return JSON.parse(scenario) as Scenario;
  }

  /** Pauses the task. */
  pause(options: CallOptions = {}): Promise<SuccessResult> {
    return this.#execute({ op: "pause" }, options);
  }

  /** Goes on with the task. */
  resume(options: CallOptions = {}): Promise<SuccessResult> {
    return this.#execute({ op: "resume" }, options);
  }

  /**
   * Pauses the task, if one runs; whether it did. It did not where the task was paused already, where none
   * runs, or where the session is gone.
   */
  tryPause(options: CallOptions = {}): Promise<boolean> {
    return this.#execute({ op: "try_pause" }, options);
  }

  /** Goes on with the task, if it is paused; whether it did. */
  tryResume(options: CallOptions = {}): Promise<boolean> {
    return this.#execute({ op: "try_resume" }, options);
  }

  /** Whether the service has this session, and it takes tasks: its status is neither `error` nor `terminated`. */
  isAlive(options: CallOptions = {}): Promise<boolean> {
    return this.#execute({ op: "is_alive" }, options);
  }

  /** Cancels the task; the session stays usable. */
  cancel(options: CallOptions = {}): Promise<SuccessResult> {
    return this.#execute({ op: "cancel" }, options);
  }

  /**
   * Pauses the task, runs `work`, and goes on with the task; if `work` throws, the task is cancelled
   * instead and the error comes through.
   */
  async paused<T>(work: () => T | Promise<T>, options: CallOptions = {}): Promise<T> {
    await this.pause(options);
    let result: T;
    try {
      result = await work();
    } catch (error) {
      await this.cancel().catch((failure) => warn("The task could not be cancelled", failure));
      throw error;
    }
    await this.resume(options);
    return result;
  }

  /** Cancels the task; if that fails, deletes the session. */
  stop(options: CallOptions = {}): Promise<SuccessResult> {
    return this.#execute({ op: "stop" }, options);
  }

  /** Opens a page; gives the URL after redirects. `goto` also says whether it is another site. */
  async navigate(url: string, options: NavigateOptions = {}): Promise<string> {
    return (await this.goto(url, options)).currentUrl;
  }

  /** Opens a page, and says where that led. */
  async goto(url: string, options: NavigateOptions = {}): Promise<Navigation> {
    const settle = secondsOrNone("settle", known(options, NAVIGATE).settle);
    const operation = { op: "navigate" as const, url: checked("url", url), settle };
    const { current_url, redirected } = await this.#execute(operation, options, NAVIGATE);
    return { currentUrl: current_url, redirected };
  }

  /**
   * Takes a picture of the browser every so often, beside whatever follows, until `stop()` or the end of the
   * block of `await using`. A picture that fails is a warning in the log; a session that is gone ends them.
   *
   * @example
   * ```ts
   * const shots = await session.screenshots({ every: 10_000, directory: "shots" });
   * await session.runTask("Find a mug");
   * console.log((await shots.stop()).paths);
   * ```
   */
  async screenshots(options: ScreenshotsOptions): Promise<Screenshots> {
    const { every, directory } = known(options, SCREENSHOTS);
    const wire = {
      every: seconds("every", every) as number,
      directory: checked("directory", directory),
    };
    const number = await this.#execute({ op: "start_screenshots", options: wire }, {});
    return new Screenshots(() =>
      execute(this.#native, { op: "stop_screenshots", number }, undefined),
    );
  }

  /** Takes a picture of the browser. */
  async screenshot(options: CallOptions = {}): Promise<Screenshot> {
    const operation = { op: "screenshot" as const, session_id: this.sessionId };
    const { signal } = known(options, CALL);
    return new Screenshot((await executeRaw(this.#native, operation, signal)) as Picture);
  }

  /** Deletes the session; one that is gone already is no error. */
  async delete(options: DeleteOptions = {}): Promise<DeleteResult> {
    const result = await this.#execute(
      { op: "delete_session", snapshot: snapshotOptions(known(options, DELETE)) },
      options,
      DELETE,
    );
    this.#deleted = result.success;
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#deleted) return;
    const what = `The session ${this.sessionId} could not be deleted and may go on costing money`;
    try {
      const { success, message } = await this.#execute(
        // Also where the client is closed meanwhile.
        { op: "end_session", snapshot: snapshotOptions(this.#snapshot) },
        {},
      );
      this.#deleted = success;
      if (!success) warn(what, message);
    } catch (error) {
      warn(what, error);
    }
  }

  /** What `JSON.stringify` shows: all its fields. */
  toJSON(): object {
    const { sessionId, agentName, status, createdAt, vncUrl, extra } = this;
    return { sessionId, agentName, status, createdAt, vncUrl, extra };
  }

  [inspect.custom](_depth: number, options: object): string {
    return `Session ${inspect(this.toJSON(), options)}`;
  }

  /** An operation about this session: all but its id. */
  async #execute<Name extends Operation["op"]>(
    operation: About<Extract<Operation, { session_id: string }>> & { op: Name },
    options: CallOptions,
    names: object = CALL,
  ): Promise<Outputs[Name]> {
    const { signal } = known(options, names as Names<CallOptions>);
    const whole = { ...operation, session_id: this.sessionId } as Operation;
    return JSON.parse((await executeRaw(this.#native, whole, signal)) as string) as Outputs[Name];
  }
}

/** The pictures of `session.screenshots`: complete once they were stopped. */
export class Screenshots implements AsyncDisposable {
  /** Their files, in the order in which they were taken. */
  readonly paths: string[] = [];
  /** How many could not be taken or written. */
  failed = 0;
  /** Why the last of these was not; else null. */
  error: SessionwireError | null = null;
  #stop: (() => Promise<Outputs["stop_screenshots"]>) | undefined;

  /** @internal */
  constructor(stop: () => Promise<Outputs["stop_screenshots"]>) {
    this.#stop = stop;
  }

  /** Ends them; one that is being taken is waited for. Can be called twice. */
  async stop(): Promise<this> {
    const stop = this.#stop;
    this.#stop = undefined;
    const report = await stop?.();
    if (report === undefined) return this;
    this.paths.push(...report.paths);
    this.failed = report.failed;
    if (report.error !== null) this.error = errorFrom({ error: JSON.stringify(report.error) });
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** @internal */
export function eventOptions(options: EventsOptions): WireEvents {
  warnUnknownTypes(options.eventTypes);
  return {
    event_types: options.eventTypes,
    sanitize: options.sanitize,
    include_history: options.includeHistory,
    idle_timeout: seconds("idleTimeout", options.idleTimeout),
    max_reconnects: count("maxReconnects", options.maxReconnects),
  };
}

/** @internal */
export function snapshotOptions(options: SnapshotOptions): WireSnapshot {
  return {
    save_snapshot_mode: options.saveSnapshotMode,
    save_as_default: options.saveAsDefault,
  };
}
