/**
 * Spans, by OpenTelemetry. What a span says, and what it must not say, the core decides (`NativeTrace`).
 *
 * No package is loaded: who sets a provider puts it where every copy of `@opentelemetry/api` 1 finds it,
 * and it is found there. What goes wrong here stays here: a call is never worse off for being traced.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../errors.js";
import type { NativeReports, NativeTrace, NativeTraced } from "../native.js";
import { warn } from "./warn.js";

/** Whose tracers make spans: a `TracerProvider` of OpenTelemetry. */
export interface TracerProvider {
  getTracer(name: string, version?: string, options?: never): unknown;
}

/** What `@opentelemetry/api` keeps for all its copies. */
interface Api {
  trace?: TracerProvider;
  context?: {
    active(): Context;
    with<T>(context: Context, work: () => T): T;
  };
  propagation?: {
    inject(context: Context, carrier: object, setter: object): void;
  };
}

interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
  deleteValue(key: symbol): Context;
}

interface SpanContext {
  traceId: string;
  spanId: string;
  traceFlags: number;
  traceState?: { serialize(): string };
}

interface Span {
  spanContext(): SpanContext;
  isRecording(): boolean;
  setAttributes(attributes: object): unknown;
  addEvent(name: string, attributes: object, time: Moment): unknown;
  setStatus(status: { code: number }): unknown;
  end(time?: Moment): void;
}

interface Tracer {
  startSpan(name: string, options: object, context: Context): Span;
}

/** Seconds and nanoseconds. */
type Moment = [number, number];

interface About {
  name: string;
  kind: "client" | "internal";
  attributes: object;
}

interface Report {
  attributes: object;
  events: [string, Moment, object][];
  failed: boolean;
  end: Moment | null;
}

type Ran = About & Report & { start: Moment };

/** What a span is about, as far as it is known before. */
export interface Subject {
  sessionId?: string | undefined;
  agent?: string | undefined;
  input?: string | undefined;
}

const API = Symbol.for("opentelemetry.js.api.1");
const SPAN = Symbol.for("OpenTelemetry Context Key SPAN");
const CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
const KINDS = { internal: 0, client: 2 };
const ERROR = { code: 2 };
/** What nobody set has this as its id. */
const NO_SPAN = "0000000000000000";

/** A context where no context manager was set. */
class Plain implements Context {
  readonly #values: ReadonlyMap<symbol, unknown>;

  constructor(values: ReadonlyMap<symbol, unknown> = new Map()) {
    this.#values = values;
  }

  getValue(key: symbol): unknown {
    return this.#values.get(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return new Plain(new Map(this.#values).set(key, value));
  }

  deleteValue(key: symbol): Context {
    const values = new Map(this.#values);
    values.delete(key);
    return new Plain(values);
  }
}

/** What the options of a client say, by its native half: a provider, or `false` for no spans. */
const chosen = new WeakMap<object, TracerProvider | false>();

/** Notes what the options of a client say. */
export function traceBy(
  client: object,
  { telemetry = true, tracerProvider }: { telemetry?: unknown; tracerProvider?: unknown },
): void {
  if (typeof telemetry !== "boolean") {
    throw new ConfigError(`\`telemetry\` must be true or false, not ${String(telemetry)}.`);
  }
  const given = tracerProvider as TracerProvider | undefined;
  if (given !== undefined && typeof given?.getTracer !== "function") {
    throw new ConfigError(
      "`tracerProvider` is no TracerProvider of OpenTelemetry. Pass one, or leave it out: the program's is used then.",
    );
  }
  if (!telemetry) chosen.set(client, false);
  else if (given !== undefined) chosen.set(client, given);
}

/** A copy of a client traces like the client. */
export function traceLike(client: object, copy: object): void {
  const option = chosen.get(client);
  if (option !== undefined) chosen.set(copy, option);
}

function api(): Api {
  return (globalThis as { [API]?: Api })[API] ?? {};
}

function active(): Context {
  return api().context?.active() ?? new Plain();
}

/** The provider in force for a client, if there is one. */
function providerOf(client: object): TracerProvider | undefined {
  const option = chosen.get(client);
  return option === false ? undefined : (option ?? api().trace);
}

/** Read, and not required: a bundler would follow that, and speak of JSON instead of the library. */
function ownVersion(): string {
  const manifest = readFileSync(join(__dirname, "../../../package.json"), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

let version: string | undefined;

function tracerOf(provider: TracerProvider): Tracer {
  version ??= ownVersion();
  return provider.getTracer("sessionwire", version) as Tracer;
}

/** The headers that name the span of a context: the propagator's, or those of W3C where none was set. */
function headersOf(context: Context): string[][] {
  const span = context.getValue(SPAN) as Span | undefined;
  const named = span?.spanContext();
  if (named === undefined || named.spanId === NO_SPAN) return [];
  const headers: string[][] = [];
  const set = (_: object, name: string, value: string) => {
    headers.push([name, String(value)]);
  };
  api().propagation?.inject(context, {}, { set });
  if (headers.length > 0) return headers;
  const flags = named.traceFlags.toString(16).padStart(2, "0");
  headers.push(["traceparent", `00-${named.traceId}-${named.spanId}-${flags}`]);
  const state = named.traceState?.serialize();
  if (state) headers.push(["tracestate", state]);
  return headers;
}

/** Ends a span with what the core says of it. */
function finish(span: Span, report: Report | null): void {
  if (report === null) {
    span.end();
    return;
  }
  span.setAttributes(report.attributes);
  for (const [name, at, attributes] of report.events) span.addEvent(name, attributes, at);
  // Without a message: the text of an error may quote the agent.
  if (report.failed) span.setStatus(ERROR);
  span.end(report.end ?? undefined);
}

/** What `error.type` says of something that was thrown. */
function nameOf(error: unknown): string {
  // The time of a run is up: see `Limit`.
  if (typeof error === "symbol") return "TaskTimeout";
  return error instanceof Error ? error.name : "Error";
}

/** A span, and what the core is told of it. */
class Told<Native extends NativeTraced = NativeTraced> {
  /** The native client, or task or turn, whose requests belong to the span. */
  readonly native: Native;
  readonly trace: NativeTrace;
  /** What is current within. */
  readonly context: Context;
  readonly #span: Span;
  #isOver = false;

  constructor(native: Native, trace: NativeTrace, span: Span, context: Context) {
    this.native = native;
    this.trace = trace;
    this.#span = span;
    this.context = context;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Ends the span, once. `error` counts where the core knows of no outcome. */
  end(error?: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      finish(this.#span, this.#span.isRecording() ? this.report(error) : null);
    } catch (failure) {
      say("A span could not be ended", failure);
    }
  }

  report(error?: string): Report | null {
    return JSON.parse(this.trace.report(error)) as Report;
  }

  /** Runs work whose spans belong below this one. */
  within<T>(work: () => T): T {
    const manager = api().context;
    return manager === undefined ? work() : manager.with(this.context, work);
  }
}

/** The span of a task or a turn: until its end is known, or nobody can ask for it. */
export class Run<Native extends NativeTraced = NativeTraced> extends Told<Native> {
  #handle: NativeReports | undefined;
  #error: string | undefined;
  /** The native client, which says who traces. */
  owner: object = this;

  /** There is a handle: `native` is its native half. */
  began(native: NativeReports, handle: object): void {
    // A copy: who drops the handle drops the native half, and with it the socket.
    this.#handle = native.traced(this.trace) as NativeReports;
    watchExit();
    open.add(this);
    dropped.register(handle, this);
  }

  override end(error?: string): void {
    super.end(error);
    open.delete(this);
  }

  override report(error?: string): Report | null {
    if (this.#handle === undefined) return super.report(error);
    return JSON.parse(this.#handle.report(error) ?? "null") as Report | null;
  }

  /** Ends the span if the end is known; else this is what is known of it. */
  note(error?: unknown): void {
    if (this.isOver) return;
    this.#error = error === undefined ? undefined : nameOf(error);
    if (this.#handle === undefined || this.report()?.end != null) this.end(this.#error);
  }

  /** Nobody reads any more. */
  left(): void {
    this.end(this.#error);
  }
}

/** The span of many tasks or turns. */
export class Many<Native extends NativeTraced = NativeTraced> extends Told<Native> {
  tracer: Tracer | undefined;

  /** Makes the spans of those that are over by now. */
  runs(): void {
    if (this.tracer === undefined || this.isOver) return;
    try {
      for (const run of JSON.parse(this.trace.runs()) as Ran[]) {
        const options = { kind: KINDS[run.kind], startTime: run.start };
        finish(this.tracer.startSpan(run.name, options, this.context), run);
      }
    } catch (failure) {
      say("A span could not be made", failure);
    }
  }

  override end(error?: string): void {
    this.runs();
    super.end(error);
  }
}

/** The spans of tasks and turns that have not ended. */
const open = new Set<Run>();
const dropped = new FinalizationRegistry<Run>((run) => run.left());
let isWatching = false;

function watchExit(): void {
  if (isWatching) return;
  isWatching = true;
  // Before the clients end, and with them the streams.
  process.prependOnceListener("exit", () => {
    for (const run of open) run.left();
  });
}

let hasSaid = false;

/** Says once what went wrong: it may go wrong with every call. */
function say(what: string, failure: unknown): void {
  if (hasSaid) return;
  hasSaid = true;
  warn(what, failure);
}

/** Begins a span of which the service is told; undefined where nothing traces. */
function begin<Native extends NativeTraced, Kind extends Told<Native>>(
  kind: new (native: Native, trace: NativeTrace, span: Span, context: Context) => Kind,
  owner: object,
  native: Native,
  operation: string,
  { sessionId, agent, input }: Subject,
  above: Context | undefined,
): Kind | undefined {
  const provider = providerOf(owner);
  if (provider === undefined) return undefined;
  try {
    const trace = native.trace(process.env[CONTENT]);
    const about = JSON.parse(trace.span(operation, sessionId, agent, input)) as About;
    const parent = above ?? active();
    const options = { kind: KINDS[about.kind], attributes: about.attributes };
    const span = tracerOf(provider).startSpan(about.name, options, parent);
    const context = parent.setValue(SPAN, span);
    trace.carry(headersOf(context));
    return new kind(native.traced(trace) as Native, trace, span, context);
  } catch (failure) {
    say("A span could not be begun", failure);
    return undefined;
  }
}

/** Runs work of a native client, and ends the span with it. */
async function ended<Native extends NativeTraced, T>(
  told: Told<Native>,
  work: (native: Native) => Promise<T>,
): Promise<T> {
  try {
    const value = await work(told.native);
    told.end();
    return value;
  } catch (error) {
    told.end(nameOf(error));
    throw error;
  }
}

/** A call with a span of its own, if its client traces. */
export function call<Native extends NativeTraced, T>(
  client: Native,
  operation: string,
  subject: Subject,
  work: (client: Native) => Promise<T>,
): Promise<T> {
  const told = begin(Told<Native>, client, client, operation, subject, undefined);
  return told === undefined ? work(client) : ended(told, work);
}

/** A call about a task or a turn: below its span. */
export function below<Native extends NativeTraced, T>(
  run: Run,
  native: Native,
  operation: string,
  sessionId: string,
  work: (native: Native) => Promise<T>,
): Promise<T> {
  const told = begin(Told<Native>, run.owner, native, operation, { sessionId }, run.context);
  return told === undefined ? work(native) : ended(told, work);
}

/** Several calls with a span above theirs. */
export function block<T>(
  client: NativeTraced,
  operation: string,
  subject: Subject,
  work: () => Promise<T>,
): Promise<T> {
  const told = begin(Told, client, client, operation, subject, undefined);
  return told === undefined ? work() : ended(told, () => told.within(work));
}

/** The span of a task or turn that begins now; undefined where nothing traces. */
export function run<Native extends NativeTraced>(
  client: Native,
  operation: string,
  subject: Subject,
): Run<Native> | undefined {
  const begun = begin(Run<Native>, client, client, operation, subject, undefined);
  if (begun !== undefined) begun.owner = client;
  return begun;
}

/** What starts a task or turn; its span ends where that fails. */
export async function starting<T>(run: Run | undefined, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    run?.note(error);
    throw error;
  }
}

/** The span of many tasks or turns; undefined where nothing traces. */
export function many<Native extends NativeTraced>(
  client: Native,
  operation: string,
): Many<Native> | undefined {
  const begun = begin(Many<Native>, client, client, operation, {}, undefined);
  const provider = providerOf(client);
  if (begun !== undefined && provider !== undefined) begun.tracer = tracerOf(provider);
  return begun;
}

/** The native client whose requests belong to the span that is current. */
export function carrying<Native extends NativeTraced>(client: Native): Native {
  if (providerOf(client) === undefined) return client;
  try {
    const headers = headersOf(active());
    if (headers.length === 0) return client;
    const trace = client.trace(undefined);
    trace.carry(headers);
    return client.traced(trace) as Native;
  } catch (failure) {
    say("No span is told to the service", failure);
    return client;
  }
}
