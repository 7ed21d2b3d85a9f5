/**
 * The native add-on: what it offers, and how it is found. Private to the package.
 */

import { existsSync } from "node:fs";
import { basename } from "node:path";
import type * as agi from "./agi/seam.js";
import { BUILDS, open } from "./platforms.js";
import type * as raccoon from "./raccoon/seam.js";

/** An error as data: the fields as JSON. */
export interface ErrorInfo {
  error: string;
}

/** A screenshot: everything but the image as JSON. */
export interface Picture {
  json: string;
  image: Buffer;
}

/** What a call gives; null when it was cancelled. */
export type Reply = string | ErrorInfo | Picture | null;

/** Events: a JSON text, and a row of UTF-16 units for each (see `bindings-node/src/batch.rs`). */
export type NativeBatch = [text: string, rows: string];

/** How a stream ended. */
export interface StreamEnd {
  error?: string;
}

/** What takes operations, and gives for each its output. */
export interface NativeCalls<Operation, Outputs> {
  execute(id: number, operation: string): Promise<Reply>;
  cancel(id: number): void;
  /** Only in the types: the operations as objects. */
  readonly takes?: (operation: Operation) => void;
  /** Only in the types: what each gives. */
  readonly gives?: Outputs;
}

/** What one span is told, and what it is to say: JSON (see `shared/telemetry.ts`). */
export interface NativeTrace {
  span(operation: string, sessionId?: string, agent?: string, input?: string): string;
  carry(headers: string[][]): void;
  report(error?: string): string;
  runs(): string;
}

/** What makes requests that may belong to a span. */
export interface NativeTraced {
  trace(content?: string): NativeTrace;
  /** A copy whose requests belong to the span. */
  traced(trace: NativeTrace): NativeTraced;
}

/** A task or turn that has a span. */
export interface NativeReports extends NativeTraced {
  report(error?: string): string | null;
}

export interface NativeStream {
  takeReady(): NativeBatch | StreamEnd | null;
  beginLoop(): ErrorInfo | null;
  superseded(): ErrorInfo;
  wait(): Promise<void>;
  close(): void;
  /** How many events were taken from the queue, and did not come out of `takeReady`. */
  held(): number;
}

/** A task or a turn. */
export interface NativeHandle<Operation, Outputs>
  extends NativeCalls<Operation, Outputs>,
    NativeReports {
  readonly sessionId: string;
  events(): NativeStream;
  close(): void;
}

export interface NativeTask extends NativeHandle<agi.TaskOperation, agi.TaskOutputs> {
  readonly question: string | null;
  /** The task and its position as a text; its reader holds so many events. */
  handle(held: number): string;
}

/** What a fan-out has: an outcome (`result` or `error`, as JSON) or a question. */
export interface RunItem {
  index: number;
  id?: string;
  unfinished?: boolean;
  result?: string;
  error?: string;
  undeleted?: string;
  question?: string;
  number?: number;
}

export interface NativeTaskRuns {
  take(): RunItem | null;
  ready(): Promise<void>;
  readonly over: boolean;
  reply(number: number, answer?: string): void;
  fail(number: number): void;
  close(): Promise<void>;
}

export type NativeSessionPool = NativeCalls<agi.PoolOperation, agi.PoolOutputs>;

/** A deletion of sessions; `wait` blocks, and gives pairs of session id and reason as JSON. */
export interface NativeDeletion {
  wait(): string;
}

/** A client of either service. */
export interface NativeService<Client, Operation, Outputs>
  extends NativeCalls<Operation, Outputs>,
    NativeTraced {
  readonly baseUrl: string;
  withOptions(changes: string): Client | ErrorInfo;
  close(): void;
  /** Null where nothing goes on; else texts that say which sessions are left, as JSON. */
  settle(milliseconds: number): Promise<string> | null;
}

/** Why a task did not start; the task that is in its way, if it is this client's. */
export interface NativeTaskFailure extends ErrorInfo {
  task(): NativeTask | null;
}

export interface NativeClient extends NativeService<NativeClient, agi.Operation, agi.Outputs> {
  deleteCreatedSessions(milliseconds: number): NativeDeletion;
  events(sessionId: string, options: string): NativeStream | ErrorInfo;
  startTask(
    id: number,
    sessionId: string,
    start: string,
  ): Promise<NativeTask | NativeTaskFailure | null>;
  resume(id: number, resume: string): Promise<NativeTask | NativeTaskFailure | null>;
  runTasks(plan: string): NativeTaskRuns | ErrorInfo;
  pool(options: string): NativeSessionPool | ErrorInfo;
  leased(pool: NativeSessionPool, lease: number): NativeClient | null;
}

export interface NativeAgentJob {
  start(id: number, call: string): ErrorInfo | null;
  cancel(id: number): void;
  over(): string | null;
  finish(error?: string): void;
}

export interface NativeAgentPort {
  take(): string;
  job(id: number): NativeAgentJob | null;
  settled(): Promise<void>;
}

export interface NativeTurn extends NativeHandle<raccoon.TurnOperation, raccoon.TurnOutputs> {
  readonly messageId: string;
  /** The turn and its position as a text; its reader holds so many events. */
  handle(held: number): string;
  readonly state: string;
  readonly cure: string;
  frame(operation: string): string | ErrorInfo;
}

/** What became of a turn: all but the error, and that, as JSON. */
export interface NativeTurnOutcome {
  outcome: string;
  error?: string;
}

export interface NativeTurnRuns {
  take(): NativeTurnOutcome | null;
  ready(): Promise<void>;
  readonly over: boolean;
  close(): Promise<void>;
}

export interface NativeUpload {
  readonly sent: number;
  readonly total: number | null;
  outcome(): string | ErrorInfo | null;
  changed(): Promise<void>;
  over(): Promise<void>;
  cancel(): void;
}

export interface NativeUploadChannel {
  write(bytes: Uint8Array): Promise<boolean>;
  finish(): void;
  abort(): void;
}

export interface NativeRaccoonClient
  extends NativeService<NativeRaccoonClient, raccoon.Operation, raccoon.Outputs> {
  readonly maxConcurrent: number | null;
  redacted(text: string): string;
  startTurn(id: number, params: string): Promise<NativeTurn | ErrorInfo | null>;
  resume(id: number, params: string): Promise<NativeTurn | ErrorInfo | null>;
  attach(id: number, params: string): Promise<NativeTurn | ErrorInfo | null>;
  runTurns(plan: string): NativeTurnRuns | ErrorInfo;
  events(sessionId: string, options: string): NativeStream | ErrorInfo;
  readonly stopFrame: string;
  upload(
    params: string,
    bytes?: Uint8Array,
    channel?: NativeUploadChannel,
  ): NativeUpload | ErrorInfo;
}

export interface NativeEmulator {
  world(key?: string): NativeEmulator | ErrorInfo;
  reset(): void;
  clock(clock: string): ErrorInfo | null;
  agentPort(): NativeAgentPort | null;
  turnAgentPort(): NativeAgentPort | null;
  agent(wake?: () => void): NativeAgentPort | null;
  turnAgent(wake?: () => void): NativeAgentPort | null;
  readonly url: string;
  readonly raccoonUrl: string;
  readonly apiKey: string;
  readonly liveUrl: string;
  readonly controlUrl: string | null;
  readonly controlToken: string | null;
  readonly caFile: string | null;
  readonly isRemote: boolean;
  readonly warnings: string[];
  readonly openStreams: number;
  readonly sessionCount: number;
  readonly requestChanges: number;
  requests(filter: string): string | ErrorInfo;
  explain(filter: string): string;
  requestsChanged(seen: number, timeout: number): Promise<boolean>;
  clearRequests(): void;
  fail(fault: string): ErrorInfo | null;
  faults(): string[];
  clearFaults(): void;
  unplayed(): [string[], string[]];
  webhookAttempts(): string;
  scenario(scenario: string): ErrorInfo | null;
  scenarioFile(path: string): ErrorInfo | null;
  close(): Promise<ErrorInfo | null>;
}

/** A run of AG-UI; the events of the protocol as JSON. */
export interface NativeAgUiRun {
  started(): string[];
  readonly over: boolean;
  add(type: string, id: number | undefined, raw: string): string[];
  addFrame(raw: string): string[];
  finished(): string[];
  failed(message: string, code?: string): string[];
}

export interface NativeDeduplicator {
  isRepeat(key: string): boolean;
  forget(key: string): void;
}

export interface Native {
  Client: {
    open(options: string, environment: (name: string) => string | null): NativeClient | ErrorInfo;
  };
  Emulator: {
    start(
      options: string,
      wake?: () => void,
      wakeTurns?: () => void,
    ): Promise<NativeEmulator | ErrorInfo>;
  };
  AgUiRun: { of(threadId: string, runId: string): NativeAgUiRun };
  agUiInput(body: string): string | ErrorInfo;
  Deduplicator: { ofCapacity(capacity: number): NativeDeduplicator };
  RaccoonClient: {
    open(
      options: string,
      environment: (name: string) => string | null,
      decodeFrame?: (call: string) => string,
      decodeAnswer?: (call: string) => string,
    ): NativeRaccoonClient | ErrorInfo;
  };
  UploadChannel: { open(): NativeUploadChannel };
  check(params: string): ErrorInfo | null;
  settleAll(milliseconds: number): string;
  watchLog(wake: (() => void) | null): void;
  takeLog(): string;
  checkRaccoon(params: string): ErrorInfo | null;
  newSessionId(): string | ErrorInfo;
  oneEvent(type: string, id: number | undefined, raw: string): NativeBatch;
  oneTurnEvent(frame: string): NativeBatch;
  tellBeforePromises(first: () => void): void;
  textFields(): string[];
  knownEventTypes(): string[];
  findJson(text: string): string | null;
  findAllJson(text: string): string[];
  parseTime(text: string): number | null;
  unknownEventType(name: string): string | null;
  unanswered(question: string): ErrorInfo;
  askFor(message: string, schema: string): string | ErrorInfo;
  askAgain(problem: string | undefined, schema: string | undefined): string;
  doesNotFit(problem: string | undefined, repairs: number): string;
  parseWebhook(body: string | Uint8Array, eventType?: string): string | ErrorInfo;
  webhookUrl(base: string, secret: string): string | ErrorInfo;
  verifyWebhook(urlOrToken: string, secret: string): boolean;
  recordScenario(recording: string, secrets: string[], path?: string): string | ErrorInfo;
  runCli(args: string[]): number;
  TestGuard: new (url: string) => NativeTestGuard;
}

/** Keeps clients from a real service while a test has an emulator. */
export interface NativeTestGuard {
  release(): void;
}

function load(): Native {
  const machine = `${process.platform}-${process.arch}`;
  const failures: string[] = [];
  const codes = new Set<unknown>();
  const builds = BUILDS.filter((name) => `${name}-`.startsWith(`${machine}-`));
  // On Linux the build for the other C library does not load, so that there is no need to ask which
  // one this is.
  for (const build of builds) {
    const found = open(build, (error) => {
      const { message, code } = error as NodeJS.ErrnoException;
      codes.add(code);
      // That is where a checkout has it; the package has none.
      if (code === "MODULE_NOT_FOUND" && message.includes("../native/")) return;
      failures.push(`  sessionwire-${build}: ${message.split("\n", 1)[0]}`);
    });
    if (found !== undefined) return found as Native;
  }
  throw new Error(
    [
      `sessionwire found no native library for ${machine}.`,
      ...failures,
      advice(machine, builds, codes),
    ].join("\n"),
  );
}

/** The package that this machine needs: on Linux that of its C library. */
function packageOf(builds: readonly string[]): string {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } };
  const libc = report?.header?.glibcVersionRuntime === undefined ? "musl" : "gnu";
  const build = builds.find((name) => name.endsWith(`-${libc}`)) ?? builds[0];
  return `sessionwire-${build}`;
}

function advice(machine: string, builds: readonly string[], codes: ReadonlySet<unknown>): string {
  if (builds.length === 0) {
    return (
      `There is no build for ${machine}; there are builds for ${BUILDS.join(", ")}. Build it from ` +
      "source (npm run build:native), or run on one of these. It needs sockets and files, so it " +
      "does not run in a browser or in WebAssembly."
    );
  }
  if (codes.has("ERR_DLOPEN_DISABLED")) {
    return (
      "Native add-ons are off in this process: it runs with --no-addons, or with --permission and " +
      "without --allow-addons. Start it without the one, or with the other."
    );
  }
  if (codes.has("ERR_ACCESS_DENIED")) {
    return (
      "This process may not read the library: it runs with --permission. Add --allow-addons, and " +
      "--allow-fs-read for the node_modules that hold it."
    );
  }
  // A bundler puts this code into a file of another name, or gives it a name of no file.
  if (basename(__filename) !== "native.js" || !existsSync(__filename)) {
    return (
      `This code is part of a bundle (${basename(__filename)}), and the library is not beside it. The ` +
      'package must stay outside of bundles: next.config: serverExternalPackages: ["sessionwire"]; ' +
      'esbuild: --external:sessionwire; webpack: externals: { sessionwire: "commonjs sessionwire" }; ' +
      'Vite and Rollup: ssr.external or external: ["sessionwire"]. Then install it where the program runs.'
    );
  }
  const name = packageOf(builds);
  const [, libc] = /-(gnu|musl)$/.exec(name) ?? [];
  const where = [
    `--os=${process.platform}`,
    `--cpu=${process.arch}`,
    ...(libc === undefined ? [] : [`--libc=${libc === "gnu" ? "glibc" : "musl"}`]),
  ];
  const missing =
    `The package ${name} is missing, or does not load. Package managers install it along with ` +
    "sessionwire on a machine of this kind, as an optional dependency. They leave it out with " +
    "--omit=optional or --no-optional, and where node_modules, or the lock file, was made on another " +
    "kind of machine: then delete both and install again, on this machine. To install for this one " +
    `from another: npm install ${where.join(" ")}.`;
  switch (process.platform) {
    case "linux":
      return `${missing} An error that names GLIBC means that this Linux is too old.`;
    case "win32":
      return `${missing} An error that names a missing module means that the Visual C++ runtime is missing.`;
    default:
      return missing;
  }
}

export const native: Native = load();
