/**
 * Many turns, a few at once.
 */

import { errorFrom, InvalidRequestError, orThrow } from "../errors.js";
import type { NativeRaccoonClient, NativeTurnOutcome, NativeTurnRuns } from "../native.js";
import { checkSignal, count, seconds, text } from "../shared/calls.js";
import { reasonOf, throwIfAborted } from "../shared/foreign.js";
import { known, type Names } from "../shared/known.js";
import { guarded } from "../shared/limit.js";
import { type Many, many } from "../shared/telemetry.js";
import { check, givenFiles, isNew, wireUploaded } from "./files.js";
import { TurnResult } from "./models.js";
import type {
  RunTurns,
  StartTurn,
  TurnFile,
  TurnInSession,
  TurnOutcome as WireOutcome,
} from "./seam.js";
import { frameEncoder, START, type StartTurnOptions, wireTurn } from "./turn.js";

/** A turn of `runTurns`: its prompt, its session, and what it has other than the rest. */
export interface GivenTurn extends Omit<StartTurnOptions, "signal"> {
  /** What the agent shall do. */
  prompt: string;
  /** The UUID of its session. Default: a fresh one. */
  sessionId?: string | undefined;
}

const GIVEN: Names<GivenTurn> = (() => {
  const { signal: _signal, ...start } = START;
  return { ...start, prompt: true, sessionId: true };
})();

/** How `runTurns` runs them. What `startTurn` takes is for each turn that does not say otherwise. */
export interface RunTurnsOptions extends StartTurnOptions {
  /** How many run at once, at most; where the service allows fewer, so many. Default: 4. */
  concurrency?: number | undefined;
  /**
   * Milliseconds for each turn, uploads included, once it has its place; then `TaskTimeout`. The turn
   * goes on, unless `stopOnTimeout` is set. Default: no limit.
   */
  timeout?: number | undefined;
  /** Whether a timeout stops the turn. Default: false. */
  stopOnTimeout?: boolean | undefined;
}

const RUN_TURNS: Names<RunTurnsOptions> = {
  ...START,
  concurrency: true,
  timeout: true,
  stopOnTimeout: true,
};

/** What became of one turn of `runTurns`: where `error` is null, `result` is there, also of a turn that was stopped. */
export type TurnOutcome = TurnOutcomeFields &
  ({ result: TurnResult; error: null } | { result: null; error: Error });

/** What every outcome has, besides its result or its error. */
interface TurnOutcomeFields {
  /** The turn as it was given. */
  turn: string | GivenTurn;
  /** Its place among the turns, from 0. */
  index: number;
  /** The session that it ran in, or would have. */
  sessionId: string;
  /**
   * Its agent message; null where the service named none, since the turn was not started, or not
   * heard.
   */
  messageId: string | null;
  /**
   * Whether the service has the turn, or may have it: false where it was not sent, or refused. Where it
   * is true and there is no `messageId`, the session's history tells whether it runs.
   */
  sent: boolean;
}

interface Started {
  span: Many | undefined;
  runs: NativeTurnRuns;
}

/**
 * The outcomes of `runTurns`, each as its turn ends; one for every turn. The turns start when the
 * outcomes are first asked for. Leaving a `for await` loop, `close()`, `await using` and the signal
 * start no further turn and stop those that run. The outcomes that are left then can be read all the
 * same, by another loop or `all()`: they say which turns were sent.
 */
export class TurnOutcomes implements AsyncIterableIterator<TurnOutcome>, AsyncDisposable {
  readonly #start: () => Started;
  readonly #turns: readonly (string | GivenTurn)[];
  /** Until it has aborted and that was said. */
  #signal: AbortSignal | undefined;
  #runs: NativeTurnRuns | undefined;
  #span: Many | undefined;
  #closed = false;

  /** @internal */
  constructor(
    start: () => Started,
    turns: readonly (string | GivenTurn)[],
    signal: AbortSignal | undefined,
  ) {
    this.#start = start;
    this.#turns = turns;
    this.#signal = signal;
  }

  /** The next outcome. Rejects with the signal's reason, once, when that aborts. */
  async next(): Promise<IteratorResult<TurnOutcome, undefined>> {
    const signal = this.#signal;
    try {
      throwIfAborted(signal);
      if (this.#runs === undefined && !this.#closed) {
        const { span, runs } = this.#start();
        this.#runs = runs;
        this.#span = span;
      }
      const runs = this.#runs;
      for (;;) {
        const item = runs?.take() ?? null;
        if (item !== null) {
          this.#span?.runs();
          return { value: this.#outcome(item), done: false };
        }
        if (runs === undefined || runs.over) {
          this.#span?.end();
          return { value: undefined, done: true };
        }
        await (signal === undefined ? runs.ready() : guarded(runs.ready(), signal));
      }
    } catch (error) {
      if (signal?.aborted && error === reasonOf(signal)) {
        this.#signal = undefined;
        await this.close();
      }
      throw error;
    }
  }

  #outcome({ outcome, error }: NativeTurnOutcome): TurnOutcome {
    const wire = JSON.parse(outcome) as WireOutcome;
    const told = {
      turn: this.#turns[wire.index] as string | GivenTurn,
      index: wire.index,
      sessionId: wire.session_id,
      messageId: wire.message_id,
      sent: wire.sent,
    };
    if (wire.result !== null) return { ...told, result: new TurnResult(wire.result), error: null };
    return { ...told, result: null, error: errorFrom({ error: error ?? "" }) };
  }

  /** Waits for all outcomes that were not read yet; in the order of their turns. */
  async all(): Promise<TurnOutcome[]> {
    const outcomes: TurnOutcome[] = [];
    for await (const outcome of this) outcomes.push(outcome);
    return outcomes.sort((one, other) => one.index - other.index);
  }

  /** Stops the rest, as `close` does: `for await` calls it when the loop is left. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.close();
    return { value: undefined, done: true };
  }

  /**
   * Starts no further turn, stops those that run, and waits for that, for 20 seconds at most. The
   * outcomes that are left say which turns were sent. Can be called twice.
   */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#runs?.close();
    this.#span?.end();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Checks the input at once; the turns start when the outcomes are first asked for.
 * @internal
 */
export function runTurns(
  client: NativeRaccoonClient,
  turns: Iterable<string | GivenTurn>,
  options: RunTurnsOptions,
): TurnOutcomes {
  if (typeof turns !== "object" || turns === null || !(Symbol.iterator in turns)) {
    const what = typeof turns === "object" ? "no list" : `a ${typeof turns}`;
    throw new InvalidRequestError(
      `\`turns\` is ${what}. Pass an array of turns, such as [prompt].`,
    );
  }
  const { concurrency, timeout, stopOnTimeout, signal, ...shared } = known(options, RUN_TURNS);
  checkSignal(signal);
  const given = Array.from(turns);
  const encode = frameEncoder(client);
  const plan: RunTurns = {
    turns: given.map((turn, index) => inSession(turn, index, shared)),
    concurrency: count("concurrency", concurrency),
    timeout: seconds("timeout", timeout),
    stop_on_timeout: stopOnTimeout,
    stop_frame: encode === undefined ? undefined : encode(JSON.parse(client.stopFrame)),
  };
  check({ check: "run_turns", ...plan });
  const start = () => {
    const span = many(client, "run_turns");
    return { span, runs: orThrow((span?.native ?? client).runTurns(JSON.stringify(plan))) };
  };
  return new TurnOutcomes(start, given, signal);
}

function inSession(
  turn: string | GivenTurn,
  index: number,
  shared: StartTurnOptions,
): TurnInSession {
  try {
    const given = typeof turn === "string" ? { prompt: turn } : known(turn, GIVEN);
    const { sessionId, prompt, ...said } = given;
    const start = { ...shared, ...said };
    return {
      session_id: sessionId === undefined ? undefined : text("sessionId", sessionId),
      turn: wired(prompt, start),
    };
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error;
    throw new InvalidRequestError(`The turn with the index ${index}: ${error.message}`);
  }
}

function wired(prompt: string, start: StartTurnOptions): StartTurn {
  const files = givenFiles(start.files).map((file, at): TurnFile => {
    if ("uploaded" in file) return wireUploaded(file.uploaded);
    const { content } = file.upload;
    if (!isNew(file)) return content as string;
    throw new InvalidRequestError(
      `\`files[${at}]\` must be a path, or what \`upload\` gave. Upload it first, to the session of its ` +
        "turn, and name that as the turn's `sessionId`.",
    );
  });
  return wireTurn(prompt, start, files);
}
