/**
 * The client of the AGI service.
 */

import { inspect } from "node:util";
import { ConfigError, errorFrom, orThrow, QuestionPending, TaskTimeout } from "../errors.js";
import { type NativeClient, native } from "../native.js";
import {
  CALL,
  type CallOptions,
  check,
  checkCallback,
  checkSignal,
  execute,
  path,
  seconds,
  text,
} from "../shared/calls.js";
import { throwIfAborted } from "../shared/foreign.js";
import { known, type Names } from "../shared/known.js";
import { close, settleAtExit } from "../shared/left.js";
import { Limit } from "../shared/limit.js";
import type { RawResponse } from "../shared/models.js";
import {
  type OptionChanges,
  type RequestOptions,
  SERVICE_OPTIONS,
  type ServiceOptions,
} from "../shared/options.js";
import { changed, clientOptions, Existing, environment, request } from "../shared/service.js";
import { block, traceBy } from "../shared/telemetry.js";
import { watch } from "./exit.js";
import { type BatchTask, type RunTasksOptions, runTasks, type TaskOutcome } from "./fanout.js";
import type { TaskResult } from "./models.js";
import { Wanted } from "./output.js";
import type { Resume } from "./seam.js";
import { eventOptions, type Session } from "./session.js";
import { CREATE, type CreateSessionOptions, Sessions } from "./sessions.js";
import {
  RESUME,
  type ResumeOptions,
  RUN_TASK,
  type RunTaskOptions,
  resumeTask,
  type Task,
} from "./task.js";
import { type AgentTool, inNewSessions, type ToolNames, toolOf } from "./tool.js";

/** What a client may be told; everything else comes from the environment or the default. */
export interface AgiOptions extends ServiceOptions {
  /** Default: the environment variable `AGI_API_KEY`. */
  apiKey?: string | undefined;
  /** With or without `/v1`. Default: `AGI_BASE_URL`, else the service. */
  baseUrl?: string | undefined;
  /**
   * When the process ends, also by an uncaught error, `process.exit()`, SIGTERM, SIGINT or SIGHUP,
   * deletes what this client created and did not delete; for at most 5 seconds, during which nothing
   * else runs. Where you listen to one of these signals yourself, the sessions go when you end the
   * process. Default: false.
   */
  deleteSessionsOnExit?: boolean | undefined;
  /**
   * A file in which this process notes the sessions that it creates and deletes, so that
   * `sessions.reap` finds what a dead process left. Default: `SESSIONWIRE_LEDGER`, else none.
   */
  ledger?: string | undefined;
}

/** Without `ifBusy`: its session is new, so that no other task can be in the way. */
export interface ClientRunTaskOptions<T = unknown>
  extends CreateSessionOptions,
    Omit<RunTaskOptions<T>, "ifBusy"> {}

/** How a client is a tool: as its `runTask`, without what the model says. */
export interface ToolOptions
  extends ToolNames,
    Omit<ClientRunTaskOptions, "startUrl" | "output" | "repairs" | "describeOutput" | "signal"> {}

/** Which models are named. */
export interface ModelsOptions extends CallOptions {
  /** `cdp` or `desktop`. */
  filter?: string | undefined;
}

const OPTIONS: Names<AgiOptions> = {
  ...SERVICE_OPTIONS,
  deleteSessionsOnExit: true,
  ledger: true,
};

const { ifBusy: _, ...RUN } = RUN_TASK;

const CLIENT_RUN_TASK: Names<ClientRunTaskOptions> = { ...CREATE, ...RUN };

const { signal: _signal, ...OF_CREATE } = CREATE;

const TOOL: Names<ToolOptions> = {
  ...OF_CREATE,
  onQuestion: true,
  onEvent: true,
  timeout: true,
  cancelOnTimeout: true,
  name: true,
  description: true,
};

const MODELS: Names<ModelsOptions> = {
  ...CALL,
  filter: true,
};

/** A client. It makes no request until it is asked to; any number of calls can run at once. */
export class Agi implements AsyncDisposable {
  /** Create, list, get and delete sessions. */
  readonly sessions: Sessions;
  readonly #native: NativeClient;

  /** Throws a `ConfigError` if there is no key or an option cannot be used. */
  constructor(options: AgiOptions = {}) {
    if (options instanceof Existing) {
      this.#native = options.client;
    } else {
      this.#native = open(options);
      settleAtExit();
      if (options.deleteSessionsOnExit) watch(this.#native);
    }
    this.sessions = new Sessions(this.#native);
  }

  /** The service's address, ending in `/v1`. */
  get baseUrl(): string {
    return this.#native.baseUrl;
  }

  /** Creates a session, runs a task in it and deletes it; gives the result. */
  async runTask<T = null>(
    task: string,
    options: ClientRunTaskOptions<T> = {},
  ): Promise<TaskResult<T>> {
    known(options, CLIENT_RUN_TASK);
    const { output, repairs, describeOutput, ...others } = options;
    const { startUrl, onQuestion, onEvent, timeout, cancelOnTimeout, signal, ...create } = others;
    const shape = { output, repairs, describeOutput };
    seconds("timeout", timeout);
    checkSignal(signal);
    throwIfAborted(signal);
    // Bad input costs no session.
    checkCallback("onQuestion", onQuestion);
    checkCallback("onEvent", onEvent);
    const asked = text("task", task);
    const message = Wanted.of(shape)?.ask(asked) ?? asked;
    check({ check: "task", message, start_url: startUrl });
    const limit = new Limit(timeout, signal);
    return block(this.#native, "run_task", { agent: create.agentName }, async () => {
      let session: Session | undefined;
      try {
        session = await this.sessions.create({ ...create, signal: limit.signal });
        return await session.runTask(task, {
          startUrl,
          onQuestion,
          onEvent,
          timeout: limit.remaining(),
          cancelOnTimeout,
          signal,
          ...shape,
        });
      } catch (error) {
        if (error === limit.expired) {
          throw new TaskTimeout(
            `The session was not created within ${timeout} ms. Raise \`timeout\`, or try again later.`,
          );
        }
        if (error instanceof TaskTimeout) {
          error.message = `The task did not end within ${timeout} ms. It was given up, and its session is deleted: raise \`timeout\`, or run it in a session of your own, where it goes on.`;
        }
        if (error instanceof QuestionPending) {
          await error.task?.close();
          error.task = null;
          error.message = errorFrom(native.unanswered(error.question?.text ?? "")).message;
        }
        throw error;
      } finally {
        limit.clear();
        await session?.[Symbol.asyncDispose]();
      }
    });
  }

  /**
   * A tool for frameworks of agents, which runs each task in a session of its own: the Vercel AI SDK takes
   * it as it is, OpenAI Agents by `tool(...)`, LangChain by `new DynamicStructuredTool(...)`. A task that
   * fails, and a question that nobody answers, give a text, so that the model can try something else.
   *
   * @example
   * ```ts
   * const { text } = await generateText({ model, prompt, tools: { browse: client.asTool() } });
   * ```
   */
  asTool(options: ToolOptions = {}): AgentTool {
    const { name, description, ...run } = known(options, TOOL);
    checkCallback("onQuestion", run.onQuestion);
    checkCallback("onEvent", run.onEvent);
    seconds("timeout", run.timeout);
    const runs = inNewSessions((task, startUrl, signal) =>
      this.runTask(task, { ...run, startUrl, signal }),
    );
    return toolOf({ name, description }, runs);
  }

  /**
   * Runs many tasks, each in a session of its own, and gives each outcome as its task ends. One
   * failure stops nothing; every session is deleted, also when the loop is left early or `signal`
   * aborts. With a `journal`, what was sent goes on in its session instead, and the next call with the
   * same journal goes on with it. Throws an `InvalidRequestError` for a task that is empty or too long, for example;
   * nothing was sent then.
   *
   * @example
   * ```ts
   * for await (const { task, result, error } of client.runTasks(["Price of the mug?"])) {
   *   console.log(task, error ?? result?.text);
   * }
   * ```
   */
  runTasks<T = null>(
    tasks: Iterable<string | BatchTask>,
    options: RunTasksOptions<T> = {},
  ): AsyncGenerator<TaskOutcome<T>, void, void> {
    return runTasks(this.#native, tasks, options);
  }

  /**
   * The task of a handle, also of one that another process or another language took: its events go
   * on after the last one that was given. A task that was prepared is sent first, unless the
   * session's history shows that it was sent already. Rejects with `InvalidRequestError` for what is
   * no handle of a task, was cut, or is of a later version; with `ConflictError` where something else
   * was sent to the session since the task was prepared; `maybeDelivered` is true where nobody can
   * know whether the task was sent.
   *
   * @example
   * ```ts
   * const task = await client.resume(await readFile("task.handle", "utf8"));
   * for await (const event of task) console.log(event.type, event.text);
   * const result = await task.result();
   * ```
   */
  async resume(handle: string, options: ResumeOptions = {}): Promise<Task> {
    const { fromStart, signal } = known(options, RESUME);
    const resume: Resume = {
      handle: text("handle", handle),
      from_start: fromStart,
      events: eventOptions(options),
    };
    return resumeTask(this.#native, resume, signal);
  }

  /** The names of the models. */
  models(options: ModelsOptions = {}): Promise<string[]> {
    const { filter, signal } = known(options, MODELS);
    return execute(this.#native, { op: "models", filter }, signal);
  }

  /** A copy with other options that shares the connections. Closing one closes both. */
  withOptions(changes: OptionChanges): Agi {
    return new Agi(changed(this.#native, changes) as AgiOptions);
  }

  /** Any request: `path` is what follows `/v1`. The same key, retries and errors as other calls. */
  request(method: string, path: string, options: RequestOptions = {}): Promise<RawResponse> {
    return request(this.#native, method, path, options);
  }

  /**
   * Ends every call, wait and stream of this client at once. Can be called twice. It waits, for at
   * most 5 seconds, for what must not be left: a `create` that was aborted when it was sent already,
   * and the delete of its session. What is left all the same is a process warning.
   */
  close(): Promise<void> {
    return close(this.#native);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return close(this.#native);
  }

  /** What `JSON.stringify` shows: no key. */
  toJSON(): object {
    return { baseUrl: this.baseUrl };
  }

  [inspect.custom](_depth: number, options: object): string {
    return `Agi ${inspect(this.toJSON(), options)}`;
  }
}

function open(options: AgiOptions): NativeClient {
  known(options, OPTIONS, ConfigError);
  const json = JSON.stringify({
    ...clientOptions(options, "AGI_API_KEY"),
    ledger: path("ledger", options.ledger, ConfigError),
  });
  const client = orThrow(native.Client.open(json, environment));
  traceBy(client, options);
  return client;
}
