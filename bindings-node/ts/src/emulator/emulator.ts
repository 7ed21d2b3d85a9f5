/**
 * The emulator: a local server that speaks the service's API, in this process.
 */

import { AssertionError } from "node:assert";
import { inspect } from "node:util";
import { Agi, type AgiOptions } from "../agi/client.js";
import { ConfigError, errorFrom, errorOfFormat, InvalidRequestError, orThrow } from "../errors.js";
import { type NativeAgentPort, type NativeEmulator, native } from "../native.js";
import { Raccoon, type RaccoonOptions } from "../raccoon/client.js";
import { count, seconds } from "../shared/calls.js";
import { reasonOf, throwIfAborted } from "../shared/foreign.js";
import { known, type Names } from "../shared/known.js";
import {
  type AgentFunction,
  AgentPump,
  type TurnAgentFunction,
  taskAgent,
  turnAgent,
} from "./agent.js";
import { type Fault, wireFault } from "./faults.js";
import {
  CapturedRequest,
  described,
  filter,
  MATCH,
  type RequestMatch,
  timesText,
  WAIT_FOR_REQUEST,
  type WaitForRequestOptions,
  type WireRequest,
} from "./requests.js";
import type { Scenario } from "./scenario.js";

/** How an emulator is set up. */
export interface EmulatorOptions {
  /** Default: `127.0.0.1`; any but loopback needs `allowRemote`. */
  host?: string | undefined;
  /** Lets other machines use it, without TLS unencrypted; the process is warned. */
  allowRemote?: boolean | undefined;
  /** Names that it answers to, beside `localhost` and IP addresses. */
  allowHosts?: readonly string[] | undefined;
  /** Default: any free port. */
  port?: number | undefined;
  /** The accepted keys; default: any key. */
  apiKeys?: readonly string[] | undefined;
  /** Keys that are known but barred: they get 403. */
  barredKeys?: readonly string[] | undefined;
  /**
   * Offers the control API, with which programs in other languages drive it: `controlUrl`, `controlToken`; see
   * `docs/emulator-control.md`.
   */
  control?: boolean | undefined;
  /** The same with this token: 8 or more visible ASCII characters. */
  controlToken?: string | undefined;
  /** Speaks TLS (`https`) with a certificate that it makes; clients trust `caFile`. */
  tls?: boolean | undefined;
  /** The same, with what clients trust written to this file (PEM). */
  tlsCa?: string | undefined;
  /**
   * Speaks TLS with a certificate of your own: a PEM file with it, followed by those between it and its authority.
   */
  tlsCert?: string | undefined;
  /** The key of `tlsCert`: a PEM file without a passphrase. */
  tlsKey?: string | undefined;
  /**
   * A folder for what it holds (scenario, faults, clock, sessions, turns, uploads), which is kept there over a restart;
   * it holds keys.
   */
  state?: string | undefined;
  /**
   * What exists at the start and after each `reset`: a state as the control API exports it, or the path of a file
   * with one.
   */
  seed?: Readonly<Record<string, unknown>> | string | undefined;
  /** Milliseconds between heartbeats on a stream. Default: 30,000. */
  heartbeatInterval?: number | undefined;
  /** Milliseconds between the steps of the built-in agent. Default: 150. */
  stepDelay?: number | undefined;
  /** More live sessions per key than this: 503 `Rate limit exceeded`. */
  sessionLimit?: number | undefined;
  /** Reports the execution status as `ready` and `paused` too. */
  extendedStatus?: boolean | undefined;
  /** Skips the events up to `Last-Event-ID` when a stream is resumed. */
  honourLastEventId?: boolean | undefined;
  /** Milliseconds that a new session stays `initializing`. Default: 0. */
  initDelay?: number | undefined;
  /** Milliseconds before the second try of a webhook. Default: 1,000. */
  webhookBackoff?: number | undefined;
  /** Milliseconds that the receiver of a webhook has for its answer. Default: 10,000. */
  webhookTimeout?: number | undefined;
  /** Faults from the start, as `fail` takes them. */
  faults?: readonly (Fault | string)[] | undefined;
  /**
   * What the agent does: a scenario, or the path of a file with one in JSON or YAML. Default: the
   * built-in agent works on every task.
   */
  scenario?: Scenario | string | undefined;
  /**
   * What becomes of a task or turn that no entry of the scenario fits. `agent`: the built-in agent works on it, and
   * a warning is logged. `error`: it fails with a text that names the nearest entry and the difference, and
   * `assertPlayed` reports it. Default: `agent`; the test helpers say `error`.
   */
  unmatched?: "agent" | "error" | undefined;
  /** A function that works on the tasks which no scenario plays; see `Emulator.agent`. */
  agent?: AgentFunction | undefined;
  /** The same for the turns of Raccoon; see `Emulator.turnAgent`. */
  turnAgent?: TurnAgentFunction | undefined;
  /**
   * `fast`: the agent's waits take no time, but the timestamps show them; hours of a scenario pass
   * at once. Default: `real`.
   */
  clock?: "real" | "fast" | undefined;
  /**
   * What shows the pages: `chromium`, `builtin` (a page view that knows no scripts), or `auto`:
   * Chromium where there is one. Default: `auto`.
   */
  browser?: "auto" | "builtin" | "chromium" | undefined;
  /** Raccoon: how many turns of a key run at once. Default: 10. */
  maxTurns?: number | undefined;
  /** Raccoon: more turns wait for a permit instead of getting 429. */
  queueTurns?: boolean | undefined;
  /** Raccoon: the largest upload, in bytes. Default: 25 MiB. */
  uploadLimit?: number | undefined;
  /** Raccoon: what a WebSocket makes of `last_stream_entry_id`. Default: `honoured`. */
  resume?: "honoured" | "ignored" | "inclusive" | undefined;
  /** Raccoon: the events on a WebSocket carry a `stream_entry_id`. Default: true. */
  entryIds?: boolean | undefined;
  /**
   * How Raccoon speaks where its documentation leaves that open, such as
   * `{ text: "cumulative", payload: "data" }`; see `docs/emulator-dialect.md`.
   */
  dialect?: Readonly<Record<string, unknown>> | undefined;
  /** Raccoon: milliseconds between the pings on a WebSocket. Default: 20,000. */
  pingInterval?: number | undefined;
  /** Raccoon: answers a frame that is not understood with an error instead of ignoring it. */
  strictFrames?: boolean | undefined;
  /** Raccoon: offers `DELETE /message/{message_id}/abort`. */
  abortEndpoint?: boolean | undefined;
}

/** @internal */
export const EMULATOR: Names<EmulatorOptions> = {
  host: true,
  allowRemote: true,
  allowHosts: true,
  port: true,
  apiKeys: true,
  barredKeys: true,
  control: true,
  controlToken: true,
  tls: true,
  tlsCa: true,
  tlsCert: true,
  tlsKey: true,
  state: true,
  seed: true,
  heartbeatInterval: true,
  stepDelay: true,
  sessionLimit: true,
  extendedStatus: true,
  honourLastEventId: true,
  initDelay: true,
  webhookBackoff: true,
  webhookTimeout: true,
  faults: true,
  scenario: true,
  unmatched: true,
  agent: true,
  turnAgent: true,
  clock: true,
  browser: true,
  maxTurns: true,
  queueTurns: true,
  uploadLimit: true,
  resume: true,
  entryIds: true,
  dialect: true,
  pingInterval: true,
  strictFrames: true,
  abortEndpoint: true,
};

/** An attempt to deliver a webhook, as it ended. */
export interface WebhookAttempt {
  /** Such as `task.completed`. */
  event: string;
  /** The session that it is about. */
  sessionId: string;
  /** 1, 2 or 3: the tries of one delivery. */
  attempt: number;
  /** Whether an event was sent once more, by the control API or the dashboard. */
  replay: boolean;
  /** When it was sent; on a fast clock in the session's time. */
  at: Date;
  /** What became of it. */
  outcome:
    | "webhook_delivered"
    | "webhook_retry"
    | "webhook_failed_permanently"
    | "webhook_notification_error";
  /** The status of the receiver's answer; null if there was none. */
  status: number | null;
  /** Why it failed; null if it did not. */
  error: string | null;
  /** Milliseconds until the next attempt; null if there is none. */
  retryIn: number | null;
  /** The headers that were sent, with lower-case names. The address is not told: it may hold a secret. */
  headers: Record<string, string>;
  /** The body that was sent, as text: JSON. */
  body: string;
  /** The headers of the receiver's answer; null if there was none. */
  responseHeaders: Record<string, string> | null;
  /** The body of the receiver's answer: at most 64 KiB of it, and what came within a second; null if there was none. */
  responseBody: string | null;
}

/** As it comes from the native half. */
interface WireAttempt
  extends Omit<
    WebhookAttempt,
    "sessionId" | "at" | "retryIn" | "responseHeaders" | "responseBody"
  > {
  session_id: string;
  at: string;
  retry_in: number | null;
  response_headers: Record<string, string> | null;
  response_body: string | null;
}

/** The longest wait in one piece: what an aborted wait leaves behind keeps the process alive so long. */
const TICK = 250;

/** Emulators run until they are closed, whoever holds them, as servers do. */
const running = new Set<NativeEmulator>();

/** Which of the two an option is. */
function dataOrFile(name: string, value: unknown): "data" | "file" {
  if (typeof value === "string") return "file";
  if (value === undefined) return "data";
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return "data";
  throw new ConfigError(`\`${name}\` must be an object, or the path of a file as a string`);
}

/** A running emulator. `close()` and `await using` stop it; it does not keep the process alive. */
export class Emulator implements AsyncDisposable {
  readonly #native: NativeEmulator;
  /** What works for agents of one's own. */
  readonly #pumps = new Set<AgentPump>();

  private constructor(native: NativeEmulator) {
    this.#native = native;
  }

  /** Starts an emulator. Rejects with a `ConfigError`, for instance if the port is taken. */
  static async start(options: EmulatorOptions = {}): Promise<Emulator> {
    known(options, EMULATOR, ConfigError);
    const text = JSON.stringify({
      host: options.host,
      allow_remote: options.allowRemote,
      allow_hosts: options.allowHosts,
      port: count("port", options.port, ConfigError),
      api_keys: options.apiKeys,
      barred_keys: options.barredKeys,
      control: options.control,
      control_token: options.controlToken,
      tls: options.tls,
      tls_ca: options.tlsCa,
      tls_cert: options.tlsCert,
      tls_key: options.tlsKey,
      state: options.state,
      [dataOrFile("seed", options.seed) === "data" ? "seed_state" : "seed"]: options.seed,
      heartbeat_interval: seconds("heartbeatInterval", options.heartbeatInterval, ConfigError),
      step_delay: orZero("stepDelay", options.stepDelay),
      session_limit: count("sessionLimit", options.sessionLimit, ConfigError),
      extended_status: options.extendedStatus,
      honour_last_event_id: options.honourLastEventId,
      init_delay: orZero("initDelay", options.initDelay),
      webhook_backoff: orZero("webhookBackoff", options.webhookBackoff),
      webhook_timeout: seconds("webhookTimeout", options.webhookTimeout, ConfigError),
      faults: options.faults?.map(wireFault),
      [dataOrFile("scenario", options.scenario) === "file" ? "scenario_file" : "scenario"]:
        options.scenario,
      unmatched: options.unmatched,
      clock: options.clock,
      browser: options.browser,
      max_turns: count("maxTurns", options.maxTurns, ConfigError),
      queue_turns: options.queueTurns,
      upload_limit: count("uploadLimit", options.uploadLimit, ConfigError),
      resume: options.resume,
      entry_ids: options.entryIds,
      dialect: options.dialect,
      ping_interval: seconds("pingInterval", options.pingInterval, ConfigError),
      strict_frames: options.strictFrames,
      abort_endpoint: options.abortEndpoint,
    });
    const { agent, turnAgent: forTurns } = options;
    const pump = agent === undefined ? undefined : new AgentPump(taskAgent(agent));
    const turns = forTurns === undefined ? undefined : new AgentPump(turnAgent(forTurns));
    const started = orThrow(await native.Emulator.start(text, pump?.wake, turns?.wake));
    if (started.isRemote) {
      process.emitWarning(
        `The emulator listens on ${options.host}: other machines can use it` +
          `${started.url.startsWith("https:") ? "" : ", without encryption"}. ` +
          "Leave host out if that is not wanted.",
      );
    }
    for (const warning of started.warnings) process.emitWarning(`${warning}.`);
    running.add(started);
    const emulator = new Emulator(started);
    if (pump !== undefined) emulator.#open(pump, started.agentPort());
    if (turns !== undefined) emulator.#open(turns, started.turnAgentPort());
    return emulator;
  }

  /**
   * This emulator as one API key sees it, so that parallel tests can share one server. What is set on it (scenario,
   * faults, agents, clock) plays for requests with this key alone, and what it shows (requests, webhooks, sessions) is
   * theirs. It begins as this emulator was started. Keys without a world of their own share that of the emulator itself.
   * `close()` deletes the key's sessions and forgets its world; the emulator goes on.
   *
   * Without a key: a new one, which nobody else has (`apiKey`). The same key gives the same world. Throws an
   * `InvalidRequestError` for a key that no request can bring, or one of `barredKeys`.
   *
   * @example
   * ```ts
   * await using world = emulator.world();
   * world.scenario({ tasks: [{ steps: [{ done: "42" }] }] });
   * const result = await world.agi().runTask("What is six times seven?");
   * ```
   */
  world(key?: string): Emulator {
    if (key !== undefined && typeof key !== "string") {
      throw new InvalidRequestError(`\`key\` must be a text, not ${inspect(key)}`);
    }
    return new Emulator(orThrow(this.#native.world(key)));
  }

  /**
   * Sets everything back to how it began, for the next test: scenario, faults and clock are those of the start, and so are
   * the sessions of `seed`; requests, webhook attempts and other sessions are forgotten, and nothing that they told is sent
   * to a webhook any more. Agents stay. Of a `world`: its own.
   */
  reset(): void {
    this.#native.reset();
  }

  /**
   * Says how time passes in the sessions that are created from now on. Throws an `InvalidRequestError` for another
   * clock.
   */
  clock(clock: "real" | "fast"): void {
    const error = this.#native.clock(JSON.stringify(clock) ?? "null");
    if (error !== null) throw errorFrom(error);
  }

  /** The address, for `baseUrl`. */
  get url(): string {
    return this.#native.url;
  }

  /** The address of Raccoon's endpoints, for `baseUrl` of `Raccoon`. */
  get raccoonUrl(): string {
    return this.#native.raccoonUrl;
  }

  /** A key that it accepts. */
  get apiKey(): string {
    return this.#native.apiKey;
  }

  /**
   * The live view, for a browser: all sessions, and a page for each (its `vncUrl`). Whoever has this address can watch
   * and drive them without a key.
   */
  get liveUrl(): string {
    return this.#native.liveUrl;
  }

  /** The base URL of the control API; null: it is off. */
  get controlUrl(): string | null {
    return this.#native.controlUrl;
  }

  /** What the control API wants as `Authorization: Bearer`; null: it is off. */
  get controlToken(): string | null {
    return this.#native.controlToken;
  }

  /**
   * The PEM file with what clients must trust: their `caFile`. Null: it made no certificate. Without `tlsCa` it is a
   * temporary file, which goes when the emulator is closed.
   */
  get caFile(): string | null {
    return this.#native.caFile;
  }

  /** How many event streams are open now. */
  get openStreams(): number {
    return this.#native.openStreams;
  }

  /** How many sessions are alive now. */
  get sessionCount(): number {
    return this.#native.sessionCount;
  }

  /** A client of this emulator. */
  agi(options: AgiOptions = {}): Agi {
    return new Agi({ baseUrl: this.url, ...this.#access(), ...options });
  }

  /** A Raccoon client of this emulator. */
  raccoon(options: RaccoonOptions = {}): Raccoon {
    return new Raccoon({ baseUrl: this.raccoonUrl, ...this.#access(), ...options });
  }

  #access(): { apiKey: string; caFile?: string } {
    const { apiKey, caFile } = this;
    return caFile === null ? { apiKey } : { apiKey, caFile };
  }

  /**
   * What it received, in order: everything, or the requests that are meant. Throws an
   * `InvalidRequestError` for a value of the wrong type, or one that no request can have, such as the method `PSOT`.
   */
  requests(match: RequestMatch = {}): CapturedRequest[] {
    const { path } = known(match, MATCH);
    const reply = this.#native.requests(filter(match));
    if (typeof reply !== "string") throw errorFrom(reply);
    const found = JSON.parse(reply) as WireRequest[];
    const requests = found.map((request) => new CapturedRequest(request));
    return path instanceof RegExp
      ? requests.filter((request) => request.path.search(path) !== -1)
      : requests;
  }

  /**
   * Asserts that a request came; gives those that did. Throws an `AssertionError` that shows the nearest request
   * with what differs, and what happened.
   */
  assertRequested(match: RequestMatch, options: { times?: number } = {}): CapturedRequest[] {
    const { times } = known(options, { times: true });
    const found = this.requests(match);
    if (times === undefined ? found.length > 0 : found.length === times) return found;
    const often = times === undefined ? "at least once" : `exactly ${timesText(times)}`;
    throw new AssertionError({
      message:
        `Expected ${described(match)} ${often}; it came ${timesText(found.length)}.\n` +
        this.#explain(found.length >= (times ?? 1) ? null : match),
      stackStartFn: this.assertRequested,
    });
  }

  /**
   * Waits until a request has come; gives the first. One that came before counts. Without a
   * `status` to wait for, the request may still be under way. Rejects with a `TimeoutError` that
   * shows what came instead.
   */
  async waitForRequest(
    match: RequestMatch,
    options: WaitForRequestOptions = {},
  ): Promise<CapturedRequest> {
    const { timeout = 5000, signal } = known(options, WAIT_FOR_REQUEST);
    const until = performance.now() + timeout;
    for (;;) {
      throwIfAborted(signal);
      const changes = this.#native.requestChanges;
      const [found] = this.requests(match);
      if (found !== undefined) return found;
      const remaining = until - performance.now();
      if (!(remaining > 0)) throw this.#didNotCome(match, `within ${timeout} ms`);
      const change = this.#native.requestsChanged(changes, Math.ceil(Math.min(remaining, TICK)));
      if (!(await orAbort(change, signal))) {
        throw this.#didNotCome(match, "before the emulator was closed");
      }
    }
  }

  #didNotCome(match: RequestMatch, when: string): DOMException {
    const text = `${described(match)} did not come ${when}.\n${this.#explain(match)}`;
    return new DOMException(text, "TimeoutError");
  }

  /** The request that is nearest to a match, if one is given, and what happened. */
  #explain(match: RequestMatch | null): string {
    return this.#native.explain(match === null ? "null" : filter(match));
  }

  /** Forgets what it received. */
  clearRequests(): void {
    this.#native.clearRequests();
  }

  /**
   * Injects a fault: an object, or a line of text such as `events cut_after=7 times=2`. Throws an
   * `InvalidRequestError` for one that is not known or has no meaning there.
   */
  fail(fault: Fault | string): void {
    const error = this.#native.fail(JSON.stringify(wireFault(fault)) ?? "null");
    if (error !== null) throw errorOfFormat(error);
  }

  /** The faults that still wait for their requests, as `fail` takes them. */
  faults(): string[] {
    return this.#native.faults();
  }

  /**
   * Asserts that all went as the scenario and the faults say; the test helpers do, at the end of a test. Throws an
   * `AssertionError` if no entry of the scenario fitted a task or a turn (with `unmatched: "error"`), a fault never
   * struck, or a `once` entry of the scenario in force never played. With `allowUnused` the last two are no error.
   */
  assertPlayed(options: { allowUnused?: boolean } = {}): void {
    const { allowUnused = false } = known(options, { allowUnused: true });
    const [unmatched, unused] = this.#native.unplayed();
    const problems = allowUnused ? unmatched : [...unmatched, ...unused];
    if (problems.length === 0) return;
    throw new AssertionError({ message: problems.join("\n"), stackStartFn: this.assertPlayed });
  }

  /** The attempts to deliver webhooks, as they ended. */
  webhookAttempts(): WebhookAttempt[] {
    const attempts = JSON.parse(this.#native.webhookAttempts()) as WireAttempt[];
    return attempts.map(
      ({ session_id, at, retry_in, response_headers, response_body, ...attempt }) => ({
        ...attempt,
        sessionId: session_id,
        at: new Date(at),
        retryIn: retry_in === null ? null : retry_in * 1000,
        responseHeaders: response_headers,
        responseBody: response_body,
      }),
    );
  }

  /** Takes all faults back. */
  clearFaults(): void {
    this.#native.clearFaults();
  }

  /** Says what the agent does with the next tasks: a scenario, or the path of a file with one. */
  scenario(scenario: Scenario | string): void {
    const error =
      typeof scenario === "string"
        ? this.#native.scenarioFile(scenario)
        : this.#native.scenario(JSON.stringify(scenario) ?? "null");
    if (error !== null) throw errorOfFormat(error);
  }

  /**
   * Says who works on the tasks that start from now on and that no scenario plays; null: the
   * emulator's own agent. The function runs on this thread's event loop, once for each task. When
   * its task is cancelled, the session deleted or the emulator closed, its `agent.signal` aborts and
   * the next call of the agent rejects with `TaskOver`.
   *
   * @example
   * ```ts
   * emulator.agent(async (task, agent) => {
   *   const colour = await agent.ask("Which colour?");
   *   return { summary: `A ${colour} mug` };
   * });
   * ```
   */
  agent(run: AgentFunction | null): void {
    const pump = run === null ? undefined : new AgentPump(taskAgent(run));
    const port = this.#native.agent(pump?.wake);
    if (pump !== undefined) this.#open(pump, port);
  }

  /**
   * Says who works on the turns (Raccoon) that start from now on and that no scenario plays; null:
   * the emulator's own agent. It runs, and learns of the end of its turn, as a function for `agent`
   * does.
   *
   * @example
   * ```ts
   * emulator.turnAgent(async (turn, agent) => {
   *   await agent.think("Counting");
   *   return `${turn.prompt.split(" ").length} words`;
   * });
   * ```
   */
  turnAgent(run: TurnAgentFunction | null): void {
    const pump = run === null ? undefined : new AgentPump(turnAgent(run));
    const port = this.#native.turnAgent(pump?.wake);
    if (pump !== undefined) this.#open(pump, port);
  }

  #open(pump: AgentPump, port: NativeAgentPort | null): void {
    this.#pumps.add(pump);
    pump.open(port);
  }

  /**
   * Stops it and ends every connection. Can be called twice. Rejects once with a `ConfigError`, which has the folder and the
   * cause, where what it held could not be kept in the folder of `state`; it has stopped all the same.
   */
  async close(): Promise<void> {
    const unkept = await this.#native.close();
    running.delete(this.#native);
    await Promise.all([...this.#pumps].map((pump) => pump.close()));
    this.#pumps.clear();
    if (unkept !== null && unkept !== undefined) throw errorFrom(unkept);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What `JSON.stringify` shows: its address. */
  toJSON(): object {
    return { url: this.url };
  }

  [inspect.custom](_depth: number, options: object): string {
    return `Emulator ${inspect(this.toJSON(), options)}`;
  }
}

/** Waits for `work`, or rejects once the signal aborts. */
async function orAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let abort: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(reasonOf(signal));
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function orZero(name: string, milliseconds: number | undefined): number | undefined {
  return milliseconds === 0 ? 0 : seconds(name, milliseconds, ConfigError);
}
