/**
 * Many tasks, one session each, a few at once.
 */

import { errorFrom, InvalidRequestError, orThrow } from "../errors.js";
import type { NativeClient, NativeTaskRuns, RunItem } from "../native.js";
import { check, checkCallback, checkSignal, count, path, seconds, text } from "../shared/calls.js";
import { throwIfAborted } from "../shared/foreign.js";
import { known, type Names } from "../shared/known.js";
import { guarded } from "../shared/limit.js";
import { type Many, many } from "../shared/telemetry.js";
import { warn } from "../shared/warn.js";
import { eventFromParts, type Question } from "./events.js";
import { TaskResult } from "./models.js";
import { type OutputOptions, Wanted } from "./output.js";
import type { RunTasks } from "./seam.js";
import { snapshotOptions } from "./session.js";
import { CREATE, type CreateSessionOptions, createParams } from "./sessions.js";

/** How `runTasks` runs them. The parameters of `create` are for each session. */
export interface RunTasksOptions<T = unknown>
  extends CreateSessionOptions,
    Omit<OutputOptions<T>, "repairs"> {
  /** How many run at once, at most. Default: 4. */
  concurrency?: number | undefined;
  /** The page that each opens first. */
  startUrl?: string | undefined;
  /**
   * Gives the answer to a question, which is put while the outcomes are waited for. What it throws is
   * the error of its task, which is `unfinished` with a `journal`: the next call asks again. Without
   * it a question ends its task with `QuestionPending`.
   */
  onQuestion?: ((question: Question) => string | Promise<string>) | undefined;
  /** Milliseconds for each task, once its session is there. Default: no limit. */
  timeout?: number | undefined;
  /**
   * Milliseconds that each task may wait for its session while the service's limits hold it back.
   * Default: as the client does.
   */
  waitForLimit?: number | undefined;
  /**
   * A file that says how far each task came. A call with the same tasks and the same file, after a process
   * that was killed, goes on where that was, gives all outcomes, and sends no task twice.
   */
  journal?: string | undefined;
  /** Sends the tasks that failed, by the journal, once more. Default: false. */
  retryFailed?: boolean | undefined;
}

/** A task that differs from the others: its own parameters win. */
export interface BatchTask
  extends Omit<CreateSessionOptions, "signal" | "saveSnapshotMode" | "saveAsDefault"> {
  /** What the agent shall do: 1 to 10,000 characters. */
  message: string;
  /** Its name in outcomes and in the journal. Default: its place among the tasks, from 0. */
  id?: string | number | undefined;
  /** The page to open first. */
  startUrl?: string | undefined;
  /** Milliseconds for it, once its session is there. */
  timeout?: number | undefined;
}

const { signal: _, saveSnapshotMode: _mode, saveAsDefault: _default, ...OF_TASK } = CREATE;

const BATCH_TASK: Names<BatchTask> = {
  ...OF_TASK,
  message: true,
  id: true,
  startUrl: true,
  timeout: true,
};

const RUN_TASKS: Names<RunTasksOptions> = {
  ...CREATE,
  concurrency: true,
  startUrl: true,
  onQuestion: true,
  timeout: true,
  journal: true,
  retryFailed: true,
  output: true,
  describeOutput: true,
};

/** What became of one task of `runTasks`: where `error` is null, `result` is there. */
export type TaskOutcome<T = unknown> = OutcomeFields &
  ({ result: TaskResult<T>; error: null } | { result: null; error: Error });

/** What every outcome has, besides its result or its error. */
interface OutcomeFields {
  /** The task's message. */
  task: string;
  /** Its own `id`; without one its index as text. */
  id: string;
  /** Its place among the tasks, from 0. */
  index: number;
  /** With a journal: it did not end here, and the next call with the same journal goes on with it. */
  unfinished: boolean;
}

/**
 * Checks the input at once; the tasks start when the outcomes are first asked for.
 * @internal
 */
export function runTasks<T>(
  client: NativeClient,
  tasks: Iterable<string | BatchTask>,
  options: RunTasksOptions<T>,
): AsyncGenerator<TaskOutcome<T>, void, void> {
  if (typeof tasks !== "object" || tasks === null || !(Symbol.iterator in tasks)) {
    const what = typeof tasks === "object" ? "no list" : `a ${typeof tasks}`;
    throw new InvalidRequestError(`\`tasks\` is ${what}. Pass a list of tasks, such as [task].`);
  }
  known(options, RUN_TASKS);
  checkCallback("onQuestion", options.onQuestion);
  checkSignal(options.signal);
  const list = Array.from(tasks);
  const plan: RunTasks = {
    tasks: list.map(taskParams),
    concurrency: count("concurrency", options.concurrency),
    start_url: options.startUrl,
    timeout: seconds("timeout", options.timeout),
    create: createParams(options),
    snapshot: snapshotOptions(options),
    asks: options.onQuestion !== undefined,
    journal: path("journal", options.journal),
    retry_failed: options.retryFailed,
  };
  check({ check: "run_tasks", ...plan });
  const wanted = () => Wanted.of({ ...options, repairs: 0 });
  const asked = wanted();
  if (asked !== undefined) {
    plan.tasks = (plan.tasks as (string | { message: string })[]).map((task) =>
      typeof task === "string" ? asked.ask(task) : { ...task, message: asked.ask(task.message) },
    );
  }
  const start = () => {
    const span = many(client, "run_tasks");
    return { span, runs: orThrow((span?.native ?? client).runTasks(JSON.stringify(plan))) };
  };
  return outcomes(start, list, options, wanted);
}

/** A task in the core's words. */
function taskParams(task: string | BatchTask, index: number): unknown {
  if (typeof task !== "object" || task === null) return text(`tasks[${index}]`, task);
  const { message, id, startUrl, timeout } = known(task, BATCH_TASK);
  // What the deletes keep is said for all of them.
  const { snapshot: _, ...create } = createParams(task);
  return {
    ...create,
    message: text(`tasks[${index}].message`, message),
    id,
    start_url: startUrl,
    timeout: seconds(`tasks[${index}].timeout`, timeout),
  };
}

/** Leaving the loop early ends the tasks that run, and waits until their sessions are deleted. */
async function* outcomes<T>(
  start: () => { span: Many | undefined; runs: NativeTaskRuns },
  tasks: readonly (string | BatchTask)[],
  { onQuestion, signal }: RunTasksOptions<T>,
  wanted: () => Wanted<T> | undefined,
): AsyncGenerator<TaskOutcome<T>, void, void> {
  throwIfAborted(signal);
  const { span, runs } = start();
  const raised = new Map<number, Error>();
  const reply = async (index: number, number: number, question: string) => {
    try {
      const { type, id, raw } = JSON.parse(question);
      const given = await onQuestion?.(eventFromParts(type, id, raw) as Question);
      runs.reply(number, text("onQuestion's answer", given));
    } catch (error) {
      // This task's failure, and no other's.
      raised.set(index, error as Error);
      runs.fail(number);
    }
  };
  try {
    for (;;) {
      throwIfAborted(signal);
      const item = runs.take();
      if (item === null) {
        if (runs.over) return;
        await (signal === undefined ? runs.ready() : guarded(runs.ready(), signal));
      } else if (item.question !== undefined && item.number !== undefined) {
        // The other outcomes do not wait for the answer.
        void reply(item.index, item.number, item.question);
      } else {
        span?.runs();
        if (item.undeleted !== undefined) warnUndeleted(item.undeleted);
        yield await outcome(item, tasks, raised, wanted());
      }
    }
  } finally {
    await runs.close();
    span?.end();
  }
}

async function outcome<T>(
  { index, id = String(index), unfinished = false, result, error }: RunItem,
  tasks: readonly (string | BatchTask)[],
  raised: ReadonlyMap<number, Error>,
  wanted: Wanted<T> | undefined,
): Promise<TaskOutcome<T>> {
  const given = tasks[index] as string | BatchTask;
  const task = typeof given === "string" ? given : given.message;
  const told = { task, index, id, unfinished };
  if (result !== undefined) {
    const ended = new TaskResult<T>(JSON.parse(result));
    try {
      await wanted?.judge(ended);
      return { ...told, result: ended, error: null };
    } catch (misfit) {
      return { ...told, result: null, error: misfit as Error };
    }
  }
  return { ...told, result: null, error: raised.get(index) ?? errorFrom({ error: error ?? "" }) };
}

function warnUndeleted(error: string): void {
  warn("A session of `runTasks` could not be deleted and may go on costing", errorFrom({ error }));
}
