/// <reference types="node" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Tasks and turns for the clients of AG-UI 1.0 (https://docs.ag-ui.com): `sessionwire/ag-ui`.
 *
 * @example
 * ```ts
 * import { Agi } from "sessionwire";
 * import { agUi } from "sessionwire/ag-ui";
 *
 * export const POST = agUi({ client: new Agi() });
 * ```
 */

import "./shared/dispose.js";

import { Agi } from "./agi/client.js";
import type { AgiEvent } from "./agi/events.js";
import type { Session } from "./agi/session.js";
import { Task } from "./agi/task.js";
import {
  errorFrom,
  InvalidRequestError,
  NotFoundError,
  SessionwireError,
  TaskError,
} from "./errors.js";
import { type NativeAgUiRun, native } from "./native.js";
import { Raccoon } from "./raccoon/client.js";
import type { TurnEvent } from "./raccoon/events.js";
import type { RaccoonSession } from "./raccoon/session.js";
import { Turn } from "./raccoon/turn.js";
import { checkCallback, text } from "./shared/calls.js";
import { known, type Names } from "./shared/known.js";
import { type Frames, heartbeatOf, SSE_HEADERS, sseBody } from "./shared/sse.js";
import { warn } from "./shared/warn.js";

/** An event of the protocol: its fields are those of `@ag-ui/core`. */
export interface AgUiEvent {
  /** Such as `TEXT_MESSAGE_CONTENT`. */
  type: string;
  [field: string]: unknown;
}

/** Which run it is. */
export interface ToAgUiOptions {
  /** The conversation; the client's `threadId`. */
  threadId: string;
  /** The run; the client's `runId`. The ids of messages begin with it. */
  runId: string;
}

const TO_AG_UI: Names<ToAgUiOptions> = {
  threadId: true,
  runId: true,
};

/** What a client asks for. */
export interface AgUiRequest {
  /** The conversation. */
  threadId: string;
  /** The run. */
  runId: string;
  /** The last message of the user. */
  prompt: string;
}

/** Where open questions are kept, by thread: a Map, or what answers later. */
export interface AgUiQuestions {
  /** The text that was kept. */
  get(threadId: string): string | null | undefined | Promise<string | null | undefined>;
  /** Keeps a text. */
  set(threadId: string, question: string): unknown;
  /** Forgets it. */
  delete(threadId: string): unknown;
}

/** How a route of AG-UI works. */
export interface AgUiOptions {
  /** Whose tasks, or turns, the runs are. */
  client: Agi | Raccoon;
  /**
   * Gives the session of a run; it is yours, and is not deleted. Default: a new one for each run, which
   * is deleted when its task is over (of Raccoon: kept).
   */
  session?:
    | ((
        asked: AgUiRequest,
        request: Request,
      ) => Session | RaccoonSession | Promise<Session | RaccoonSession>)
    | undefined;
  /** Where open questions are kept. Default: in this process. */
  questions?: AgUiQuestions | undefined;
  /** Milliseconds of silence after which a comment is sent. Default: 15,000. */
  heartbeat?: number | undefined;
}

const AG_UI: Names<AgUiOptions> = {
  client: true,
  session: true,
  questions: true,
  heartbeat: true,
};

/**
 * A task or a turn as events of AG-UI: from `RUN_STARTED` to its end, or to a question, which ends the
 * run with an interrupt. An error of the stream is the run's `RUN_ERROR`.
 */
export async function* toAgUi(
  source: Task | Turn | AsyncIterable<AgiEvent | TurnEvent>,
  options: ToAgUiOptions,
): AsyncGenerator<AgUiEvent, void, void> {
  const { threadId, runId } = known(options, TO_AG_UI);
  const run = native.AgUiRun.of(text("threadId", threadId), text("runId", runId));
  for (const event of run.started()) yield JSON.parse(event);
  try {
    for await (const event of follow(run, source)) yield JSON.parse(event);
  } catch (error) {
    for (const event of failed(run, error)) yield JSON.parse(event);
  }
}

/** What a question goes through before it is told. */
interface Asking {
  /** Throws where it may not be asked. At once where that is known at once: no other run comes between. */
  mayAsk(): void | Promise<void>;
  keep(interrupt: string): unknown;
}

/** The events of a run after its start, each as JSON. */
async function* follow(
  run: NativeAgUiRun,
  source: AsyncIterable<AgiEvent | TurnEvent>,
  asking?: Asking,
): AsyncGenerator<string, void, void> {
  for await (const event of source) {
    // Somebody else answered it, or cancelled the task.
    if (event.type === "question" && source instanceof Task && source.question === null) continue;
    const waits = event.type === "question" ? asking?.mayAsk() : undefined;
    if (waits !== undefined) await waits;
    const told =
      "kind" in event
        ? run.addFrame(event.raw)
        : run.add(event.type, event.id ?? undefined, event.raw);
    const last = told.at(-1);
    if (event.type === "question" && run.over && last !== undefined) {
      await asking?.keep(JSON.parse(last).outcome.interrupts[0].id);
    }
    yield* told;
    if (run.over) return;
  }
  yield* run.finished();
}

/** The end of a run that cannot go on. The code is the name of the error, the same in every language. */
function failed(run: NativeAgUiRun, error: unknown): string[] {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof SessionwireError ? error.constructor.name : undefined;
  return run.failed(message, code);
}

/**
 * A route for clients of AG-UI: the last message of the user is a task, and a question an interrupt, whose
 * answer goes on with it. A client that is gone cancels its run.
 */
export function agUi(options: AgUiOptions): (request: Request) => Promise<Response> {
  const { client, session } = known(options, AG_UI);
  if (!(client instanceof Agi || client instanceof Raccoon)) {
    throw new InvalidRequestError("`client` is no client. Pass an `Agi` or a `Raccoon`.");
  }
  checkCallback("session", session);
  heartbeatOf(options);
  const questions = options.questions ?? new Map<string, string>();
  return async (request) => {
    if (request.method !== "POST") return refused(405, "A run of AG-UI is a POST.");
    const asked = native.agUiInput(await request.text());
    if (typeof asked !== "string") return refused(400, errorFrom(asked).message);
    const run = new Run(options, questions, JSON.parse(asked), request);
    const body = sseBody(run, { heartbeat: options.heartbeat, signal: request.signal });
    return new Response(body, { headers: SSE_HEADERS });
  };
}

function refused(status: number, error: string): Response {
  return new Response(JSON.stringify({ error }), {
    status,
    headers: { "content-type": "application/json" },
  });
}

/** What the core reads in a request. */
interface Asked {
  thread_id: string;
  run_id: string;
  prompt: string | null;
  answers: { interrupt_id: string; cancelled: boolean; text: string | null }[];
}

/** A question that is kept: the same text in every language. */
interface Kept {
  interrupt: string;
  handle: string;
  /** The session, if it is deleted when the task is over; else null. */
  session: string | null;
}

/** One run, from its request to its end. */
class Run implements Frames {
  readonly #options: AgUiOptions;
  readonly #questions: AgUiQuestions;
  readonly #asked: Asked;
  readonly #request: Request;
  readonly #run: NativeAgUiRun;
  readonly #gone = new AbortController();
  readonly #events: AsyncGenerator<string, void, void>;
  #work: Task | Turn | undefined;
  /** The session that is deleted with the run. */
  #session: string | undefined;

  constructor(options: AgUiOptions, questions: AgUiQuestions, asked: Asked, request: Request) {
    this.#options = options;
    this.#questions = questions;
    this.#asked = asked;
    this.#request = request;
    this.#run = native.AgUiRun.of(asked.thread_id, asked.run_id);
    this.#events = this.#tell();
  }

  async next(): Promise<string | null> {
    const { done, value } = await this.#events.next();
    return done ? null : `data: ${value}\n\n`;
  }

  async leave(): Promise<void> {
    this.#gone.abort();
    await this.#events.return();
  }

  async *#tell(): AsyncGenerator<string, void, void> {
    try {
      yield* this.#run.started();
      if (await this.#begin()) yield* this.#follow();
      else yield* this.#run.finished();
    } catch (error) {
      if (!this.#gone.signal.aborted) yield* failed(this.#run, error);
    } finally {
      await this.#release();
    }
  }

  #follow(): AsyncGenerator<string, void, void> {
    const work = this.#work as Task | Turn;
    const thread = this.#asked.thread_id;
    return follow(this.#run, work, {
      mayAsk: () => {
        const found = this.#questions.get(thread);
        if (typeof found !== "object" || found === null) return this.#refuseSecond(found);
        return found.then((text) => this.#refuseSecond(text));
      },
      keep: async (interrupt) => {
        const session = this.#session ?? null;
        const kept: Kept = { interrupt, handle: work.handle(), session };
        await this.#questions.set(thread, JSON.stringify(kept));
        // It waits for the answer.
        this.#session = undefined;
      },
    });
  }

  /** A question of a run beside this one is not lost: its session would wait for ever. */
  #refuseSecond(text: string | null | undefined): void {
    const kept: Kept | null = text == null ? null : JSON.parse(text);
    if (kept?.session == null || kept.session === this.#session) return;
    throw new InvalidRequestError(
      "Another run of the thread asked a question meanwhile. Answer it, or cancel it, with `resume`, and start this one anew.",
    );
  }

  /** Starts the task, or goes on with it; false where it was cancelled. */
  async #begin(): Promise<boolean> {
    const { thread_id: thread, answers, prompt } = this.#asked;
    const text = await this.#questions.get(thread);
    const kept: Kept | null = text == null ? null : JSON.parse(text);
    if (answers.length > 0) return this.#answer(kept);
    if (kept !== null) {
      throw new InvalidRequestError(
        "The thread has an open question. Answer it, or cancel it, with `resume`.",
      );
    }
    if (prompt === null) {
      throw new InvalidRequestError(
        "The last of the `messages` is no text of the user. Add one that says what to do.",
      );
    }
    await this.#start(prompt);
    return true;
  }

  async #start(prompt: string): Promise<void> {
    const { client, session: choose } = this.#options;
    const { signal } = this.#gone;
    const asked = { threadId: this.#asked.thread_id, runId: this.#asked.run_id, prompt };
    const chosen = await choose?.(asked, this.#request);
    if (client instanceof Raccoon) {
      const session = (chosen as RaccoonSession | undefined) ?? client.session();
      this.#work = await session.startTurn(prompt, { signal });
      return;
    }
    let session = chosen as Session | undefined;
    if (session === undefined) {
      session = await client.sessions.create({ signal });
      this.#session = session.sessionId;
    }
    this.#work = await session.startTask(prompt, { signal });
  }

  async #answer(kept: Kept | null): Promise<boolean> {
    const { client } = this.#options;
    const { thread_id: thread, answers } = this.#asked;
    const answer = answers.find((one) => one.interrupt_id === kept?.interrupt);
    if (kept === null || answer === undefined || client instanceof Raccoon) {
      // What nobody knows any more can always be given up.
      if (answers.every((one) => one.cancelled)) return false;
      throw new InvalidRequestError(
        `The thread has no open question ${JSON.stringify(answers[0]?.interrupt_id)}. Cancel it with \`resume\`, and start anew.`,
      );
    }
    try {
      const { signal } = this.#gone;
      const task = await client.resume(kept.handle, { signal });
      try {
        if (answer.cancelled) await task.cancel();
        else await this.#give(task, answer.text);
      } catch (error) {
        await task.close();
        throw error;
      }
      this.#work = task;
    } catch (error) {
      const over = error instanceof NotFoundError;
      if (over || answer.cancelled) await this.#questions.delete(thread);
      if (!answer.cancelled) throw error;
      if (!over) warn("A task of AG-UI could not be cancelled", error);
    }
    this.#session = kept.session ?? undefined;
    await this.#questions.delete(thread);
    return !answer.cancelled;
  }

  async #give(task: Task, answer: string | null): Promise<void> {
    if (answer === null) {
      throw new InvalidRequestError("The `payload` of `resume` has no answer. Send a text.");
    }
    try {
      await task.answer(answer, { signal: this.#gone.signal });
    } catch (error) {
      // The same answer came before: the run goes on with what came of it.
      if (!(error instanceof TaskError && error.reason === "question_closed")) throw error;
    }
  }

  /** Cancels what did not end, and deletes the session, unless a question waits in it. */
  async #release(): Promise<void> {
    const work = this.#work;
    const { client } = this.#options;
    try {
      if (work instanceof Turn && !this.#run.over) await work.stop();
      if (work instanceof Task && !this.#run.over) await work.cancel();
    } catch (error) {
      warn("A run of AG-UI could not be cancelled", error);
    }
    try {
      if (this.#session !== undefined && client instanceof Agi) {
        await client.sessions.delete(this.#session);
      }
      await work?.close();
    } catch (error) {
      warn(`The session ${this.#session} could not be deleted`, error);
    }
  }
}
