/**
 * A turn, and running one to its end.
 */

import { errorFrom, InvalidRequestError, inCamelCase, orThrow, TaskTimeout } from "../errors.js";
import type { NativeRaccoonClient, NativeTurn } from "../native.js";
import {
  CALL,
  type CallOptions,
  cancellable,
  checkCallback,
  text as checked,
  count,
  execute,
  seconds,
} from "../shared/calls.js";
import { Handle } from "../shared/handle.js";
import { known, type Names } from "../shared/known.js";
import { guarded, Limit } from "../shared/limit.js";
import type { SuccessResult } from "../shared/models.js";
import { RESULT_OPTIONS, type ResultOptions } from "../shared/options.js";
import { type Run, run, starting } from "../shared/telemetry.js";
import type { EventMaker } from "../stream/batch.js";
import { type SandboxFile, type TodoItem, type TurnEvent, turnEventAt } from "./events.js";
import {
  check,
  checkFiles,
  givenFiles,
  isNew,
  type Upload,
  uploadedFiles,
  wireUploaded,
} from "./files.js";
import { type FileInput, sendFile } from "./media.js";
import {
  type ResumePoint,
  type StopResult,
  TurnResult,
  type TurnStatus,
  type UploadedFile,
} from "./models.js";
import type {
  Attach,
  Resume,
  StartTurn,
  TurnFile,
  TurnOperation,
  TurnOutputs,
  TurnState,
  TurnEventOptions as WireEvents,
} from "./seam.js";

/** What the agent works as; others are passed on. */
export type TurnMode = "auto" | "plan" | "code" | "deepsearch" | "slides" | (string & {});

/** How the events of a turn are read. */
export interface TurnEventOptions extends CallOptions {
  /**
   * Failed attempts to connect in a row after which the history is read and, where that does not
   * hold the turn's end, the stream fails. Default: 6.
   */
  maxReconnects?: number | undefined;
  /** Milliseconds between two pings. Default: 20,000. */
  pingInterval?: number | undefined;
  /** Milliseconds without a frame or a pong after which the socket counts as dead. Default: 60,000. */
  idleTimeout?: number | undefined;
  /** Asks on the first connect for what happened before it. Default: true. */
  replay?: boolean | undefined;
  /**
   * What the frames of a text are: `delta`, each adds to its block; `cumulative`, each is all of it
   * so far; `auto` decides by all of them, and by the history. Default: `auto`.
   */
  textMode?: "auto" | "delta" | "cumulative" | undefined;
}

const EVENTS: Names<TurnEventOptions> = {
  ...CALL,
  maxReconnects: true,
  pingInterval: true,
  idleTimeout: true,
  replay: true,
  textMode: true,
};

/** Parameters of a turn. What is not set is not sent. */
export interface StartTurnOptions extends TurnEventOptions {
  /** Default: `auto`. */
  mode?: TurnMode | undefined;
  /**
   * Files for the agent, in any mixture: paths, bytes, Blobs, streams, and objects with `name` and
   * `content`, which are uploaded first, or what `upload` gave.
   */
  files?: Iterable<FileInput> | undefined;
  /** `fast` or `think`; others are passed on. */
  sdkVersion?: string | undefined;
  /** Instructions that the prompt builds on. */
  basePrompt?: string | undefined;
  /** Objects to refer to. */
  references?: readonly unknown[] | undefined;
  /** A conversation to go on from. */
  history?: readonly unknown[] | undefined;
  /** Data to continue with: a text that holds JSON. */
  continuation?: string | undefined;
  /** Fields that this version does not know, as they go on the wire; they win over the others. */
  extra?: Record<string, unknown> | undefined;
}

/** @internal */
export const START: Names<StartTurnOptions> = {
  ...EVENTS,
  mode: true,
  files: true,
  sdkVersion: true,
  basePrompt: true,
  references: true,
  history: true,
  continuation: true,
  extra: true,
};

/** What a handle of a turn that is not started yet can hold: its files are uploaded. */
export type PrepareTurnOptions = Omit<StartTurnOptions, keyof Omit<TurnEventOptions, "signal">>;

const PREPARE: Names<PrepareTurnOptions> = {
  ...CALL,
  mode: true,
  files: true,
  sdkVersion: true,
  basePrompt: true,
  references: true,
  history: true,
  continuation: true,
  extra: true,
};

/** How the events of a turn are read that goes on from its handle. */
export interface ResumeTurnOptions extends TurnEventOptions {
  /** Gives all of the turn's events again. Default: only those after the handle's position. */
  fromStart?: boolean | undefined;
}

const RESUME: Names<ResumeTurnOptions> = {
  ...EVENTS,
  fromStart: true,
};

/** How a turn is run. */
export interface RunTurnOptions extends StartTurnOptions {
  /** Is called with each event, in order; the next one waits for it. */
  onEvent?: ((event: TurnEvent) => unknown) | undefined;
  /** Milliseconds for all of it, uploads included; then `TaskTimeout`. Default: no limit. */
  timeout?: number | undefined;
  /** Whether a timeout stops the turn. Default: false. */
  stopOnTimeout?: boolean | undefined;
}

/** @internal */
export const RUN: Names<RunTurnOptions> = {
  ...START,
  onEvent: true,
  timeout: true,
  stopOnTimeout: true,
};

/** What `attach` accepts. */
export interface AttachOptions extends TurnEventOptions {
  /** Only events after this place: a stream entry, or how far another `Turn` was read. */
  after?: string | ResumePoint | undefined;
}

const ATTACH: Names<AttachOptions> = {
  ...EVENTS,
  after: true,
};

/** What `turn.sendMessage` accepts. */
export interface TurnMessageOptions extends CallOptions {
  /** Files that go with it, which were uploaded before. */
  files?: readonly UploadedFile[] | undefined;
  /** Objects to refer to. */
  references?: readonly unknown[] | undefined;
}

const MESSAGE: Names<TurnMessageOptions> = {
  ...CALL,
  files: true,
  references: true,
};

/** What `turn.stop` accepts. */
export interface StopOptions extends CallOptions {
  /** Milliseconds to wait for the turn's end. Default: 10,000. */
  timeout?: number | undefined;
}

const STOP: Names<StopOptions> = {
  ...CALL,
  timeout: true,
};

/** A client's way to write the frames that a turn sends: it gets a frame, and gives the one to send. */
export type FrameEncoder = (frame: Record<string, unknown>) => object;

/** Those of the clients that have one; a turn is made of the native client alone. */
const encoders = new WeakMap<NativeRaccoonClient, FrameEncoder>();

/** @internal */
export function encodeFramesBy(
  client: NativeRaccoonClient,
  encode: FrameEncoder | undefined,
): void {
  if (encode !== undefined) encoders.set(client, encode);
}

/** @internal */
export function frameEncoder(client: NativeRaccoonClient): FrameEncoder | undefined {
  return encoders.get(client);
}

/**
 * One turn of a session. Iterate it for its events, each once and in order; leaving the loop early
 * leaves the turn as it is, and a new loop goes on where the last one stopped. `close()` and
 * `await using` free its socket; they do not stop the turn.
 */
export class Turn implements AsyncIterable<TurnEvent>, AsyncDisposable {
  readonly #handle: Handle<NativeTurn, TurnOperation, TurnOutputs, TurnEvent>;
  readonly #encode: FrameEncoder | undefined;
  #lastEntry: string | null;
  #lastEvent: number | null;

  /** @internal */
  constructor(
    native: NativeTurn,
    encode: FrameEncoder | undefined,
    signal: AbortSignal | undefined,
    after?: string | ResumePoint,
    run?: Run,
  ) {
    this.#encode = encode;
    const make: EventMaker<TurnEvent> = (events, at) => this.#passed(turnEventAt(events, at));
    this.#handle = new Handle(native, make, signal, run);
    this.#lastEntry = typeof after === "string" ? after : (after?.lastStreamEntryId ?? null);
    this.#lastEvent = typeof after === "string" ? null : (after?.lastEventId ?? null);
  }

  /** @internal What becomes of its span, should its end not be known. */
  note(error: unknown): void {
    this.#handle.note(error);
  }

  /** @internal Runs a callback within its span. */
  within<T>(callback: () => T): T {
    return this.#handle.within(callback);
  }

  /** The turn's session. */
  get sessionId(): string {
    return this.#handle.native.sessionId;
  }

  /** The turn's agent message: with the session it names the turn. */
  get messageId(): string {
    return this.#handle.native.messageId;
  }

  /** The message of the prompt; null after `attach`. */
  get userMessageId(): string | null {
    return this.#state.user_message_id;
  }

  /** The service's workflow, where it says. */
  get workflowId(): string | null {
    return this.#state.workflow_id;
  }

  /** Where the turn is, as of the newest event that came. */
  get status(): TurnStatus {
    return this.#state.status;
  }

  /**
   * How many turns went before this one when it was started, as the service said. It says no more in
   * between, so that the number does not go down. 0 once an event came, or the turn is over; null where
   * the service named no number, and after `attach`.
   */
  get queuePosition(): number | null {
    return this.#state.queue_position;
  }

  /** The agent's answer so far. */
  get text(): string {
    return this.#state.text;
  }

  /** The agent's plan as of the newest event that came. */
  get plan(): TodoItem[] {
    return this.#state.plan as unknown as TodoItem[];
  }

  /** The sandbox's files by path, as of the newest event that came. */
  get files(): Record<string, SandboxFile> {
    return this.#state.files as Record<string, SandboxFile>;
  }

  /**
   * The turn and how far its events were given to you, as a short text: keep it, and
   * `client.resume(handle)` goes on from there, in any process and any language. Makes no request.
   *
   * An event counts as given once you have it: keep the handle after you handled the event. It holds
   * no key and not what was sent, and has at most 200 bytes: letters, digits, `.`, `_` and `-`.
   */
  handle(): string {
    return this.#handle.native.handle(this.#handle.held);
  }

  /** How far the events were iterated: `client.attach` goes on there. */
  get resumePoint(): ResumePoint {
    return {
      sessionId: this.sessionId,
      messageId: this.messageId,
      lastStreamEntryId: this.#lastEntry,
      lastEventId: this.#lastEvent,
    };
  }

  /** @internal Which setting may cure that the turn does not end; empty where nothing is odd. */
  get cure(): string {
    return inCamelCase(this.#handle.native.cure);
  }

  get #state(): TurnState {
    return JSON.parse(this.#handle.native.state) as TurnState;
  }

  /** Tells the agent more while it works; not empty. */
  sendMessage(text: string, options: TurnMessageOptions = {}): Promise<SuccessResult> {
    const { files, references } = known(options, MESSAGE);
    const operation = {
      op: "send_message" as const,
      text: checked("text", text),
      files: files && uploadedFiles(files),
      references,
    };
    return this.#send(operation, options, MESSAGE);
  }

  /** Stops the turn, and waits for its end. The session stays usable. */
  stop(options: StopOptions = {}): Promise<StopResult> {
    const timeout = seconds("timeout", known(options, STOP).timeout);
    return this.#send({ op: "stop", timeout }, options, STOP);
  }

  /** Sends a frame: by the client's encoder, if it has one. */
  async #send<Name extends "send_message" | "stop">(
    operation: Extract<TurnOperation, { op: Name }>,
    options: CallOptions,
    names: object,
  ): Promise<TurnOutputs[Name]> {
    const send = (whole: TurnOperation) =>
      this.#handle.execute(whole, options, names) as Promise<TurnOutputs[Name]>;
    if (this.#encode === undefined) return send(operation);
    const usual = this.#handle.native.frame(JSON.stringify(operation));
    if (typeof usual !== "string") throw errorFrom(usual);
    const frame: unknown = this.#encode(JSON.parse(usual));
    if (typeof frame !== "object" || frame === null) {
      throw new InvalidRequestError(
        `\`encodeFrame\` gave ${frame === null ? "null" : typeof frame}: nothing was sent. Give the frame to send, an object.`,
      );
    }
    return send({ ...operation, frame });
  }

  /**
   * Waits for the result; the events need not be read. A turn that was stopped has the status
   * `aborted`. Rejects with `TaskError` if it failed, with `TaskTimeout` after `timeout`.
   */
  async result(options: ResultOptions = {}): Promise<TurnResult> {
    const timeout = seconds("timeout", known(options, RESULT_OPTIONS).timeout);
    const wire = await this.#handle.execute({ op: "result", timeout }, options, RESULT_OPTIONS);
    return new TurnResult(wire);
  }

  /** The next event. Calls that overlap are answered in their order. */
  next(): Promise<IteratorResult<TurnEvent, undefined>> {
    return this.#handle.next();
  }

  /** The same as `close()`, for who reads it as an iterator; a loop that is left does not call it. */
  return(): Promise<IteratorReturnResult<undefined>> {
    return this.#handle.return();
  }

  /** Stops reading events and frees the socket. Does not stop the turn. */
  close(): Promise<void> {
    return this.#handle.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<TurnEvent, undefined, undefined> {
    return this.#handle.iterator();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Notes the event that is handed over now. */
  #passed(event: TurnEvent): TurnEvent {
    if (event.id !== null) {
      this.#lastEvent = event.id;
      // Of another event it would not say where this one is.
      this.#lastEntry = event.streamEntryId;
    }
    return event;
  }
}

function wireEvents(options: TurnEventOptions): WireEvents {
  return {
    max_reconnects: count("maxReconnects", options.maxReconnects),
    ping_interval: seconds("pingInterval", options.pingInterval),
    idle_timeout: seconds("idleTimeout", options.idleTimeout),
    replay: options.replay,
    text_mode: options.textMode,
  };
}

/** @internal */
export function wireTurn(
  prompt: string,
  options: StartTurnOptions,
  files: readonly TurnFile[],
): StartTurn {
  return {
    prompt: checked("prompt", prompt),
    mode: options.mode,
    files,
    sdk_version: options.sdkVersion,
    base_prompt: options.basePrompt,
    references: options.references,
    history: options.history,
    continuation: options.continuation,
    extra: options.extra,
    events: wireEvents(options),
  };
}

/** @internal */
export async function startTurn(
  client: NativeRaccoonClient,
  sessionId: string,
  prompt: string,
  options: StartTurnOptions,
): Promise<Turn> {
  const { signal } = known(options, START);
  const given = givenFiles(options.files);
  const files: TurnFile[] = [];
  // The core reads plain paths by itself.
  const uploadsHere = given.some(isNew);
  if (uploadsHere) {
    // What the turn's start would refuse is refused before a file is sent.
    check({ check: "turn", ...wireTurn(prompt, options, []) });
    check({ check: "session_id", session_id: sessionId });
    checkFiles(given);
  }
  for (const file of given) {
    if ("uploaded" in file) files.push(wireUploaded(file.uploaded));
    else if (uploadsHere)
      files.push(wireUploaded(await sendFile(client, sessionId, file.upload, signal)));
    else files.push(file.upload.content as string);
  }
  const whole = wireTurn(prompt, options, files);
  const params = JSON.stringify({ session_id: sessionId, turn: whole });
  const traced = run(client, "start_turn", { sessionId, input: prompt });
  const target = traced?.native ?? client;
  return starting(traced, async () => {
    const turn = await cancellable(target, signal, (id) => target.startTurn(id, params));
    return new Turn(orThrow(turn), frameEncoder(client), signal, undefined, traced);
  });
}

/** @internal */
export async function attach(
  client: NativeRaccoonClient,
  sessionId: string,
  messageId: string,
  options: AttachOptions,
): Promise<Turn> {
  const { after, signal } = known(options, ATTACH);
  if (typeof after === "object" && after !== null && !("lastEventId" in after)) {
    // It would otherwise be the turn's beginning.
    throw new InvalidRequestError(
      "`after` has no `lastEventId`. Pass a `turn.resumePoint`, or the id of a stream entry.",
    );
  }
  const params: Attach = {
    session_id: checked("sessionId", sessionId),
    message_id: checked("messageId", messageId),
    after:
      typeof after === "object" && after !== null
        ? { last_stream_entry_id: after.lastStreamEntryId, last_event_id: after.lastEventId }
        : after,
    events: wireEvents(options),
  };
  const text = JSON.stringify(params);
  const traced = run(client, "attach", { sessionId });
  const target = traced?.native ?? client;
  return starting(traced, async () => {
    const turn = await cancellable(target, signal, (id) => target.attach(id, text));
    return new Turn(orThrow(turn), frameEncoder(client), signal, after, traced);
  });
}

/** @internal */
export async function prepareTurn(
  client: NativeRaccoonClient,
  session_id: string,
  prompt: string,
  options: PrepareTurnOptions,
): Promise<string> {
  const { signal } = known(options, PREPARE);
  const files = givenFiles(options.files).map((file) =>
    // The core says that a handle holds no file.
    "uploaded" in file ? wireUploaded(file.uploaded) : nameOf(file.upload),
  );
  const turn = wireTurn(prompt, options, files);
  return execute(client, { op: "prepare_turn", session_id, turn }, signal);
}

function nameOf({ content, name }: Upload): string {
  return typeof content === "string" ? content : (name ?? "a file without a name");
}

/** @internal */
export async function resume(
  client: NativeRaccoonClient,
  handle: string,
  options: ResumeTurnOptions,
): Promise<Turn> {
  const { fromStart, signal } = known(options, RESUME);
  const params: Resume = {
    handle: checked("handle", handle),
    from_start: fromStart,
    events: wireEvents(options),
  };
  const text = JSON.stringify(params);
  const traced = run(client, "resume", {});
  const target = traced?.native ?? client;
  return starting(traced, async () => {
    const turn = orThrow(await cancellable(target, signal, (id) => target.resume(id, text)));
    const { resume_point: point } = JSON.parse(turn.state) as TurnState;
    const after = {
      sessionId: point.session_id,
      messageId: point.message_id,
      lastStreamEntryId: point.last_stream_entry_id ?? null,
      lastEventId: point.last_event_id ?? null,
    };
    return new Turn(turn, frameEncoder(client), signal, after, traced);
  });
}

/**
 * Starts a turn, hands its events to the callback and waits for the result.
 * @internal
 */
export async function runTurn(
  client: NativeRaccoonClient,
  sessionId: string,
  prompt: string,
  options: RunTurnOptions,
): Promise<TurnResult> {
  const { onEvent, timeout, stopOnTimeout, signal, ...start } = known(options, RUN);
  checkCallback("onEvent", onEvent);
  seconds("timeout", timeout);
  const limit = new Limit(timeout, signal);
  let turn: Turn | undefined;
  const early = () =>
    new TaskTimeout(
      `The turn was not known to run within ${timeout} ms: its files, a place among the turns that run at once, or the response to its start took that long. Look at the session's history before you start it again.`,
      { sessionId },
    );
  const late = (messageId: string | null = null, events: TaskTimeout["events"] = []) =>
    new TaskTimeout(
      `The turn did not end within ${timeout} ms. Unless it was stopped it goes on in its session: raise \`timeout\`, or attach to it${turn?.cure ?? ""}.`,
      { sessionId, messageId, events },
    );
  try {
    turn = await startTurn(client, sessionId, prompt, { ...start, signal: limit.signal });
    await follow(turn, onEvent, limit.signal).catch((error) => {
      // `result` then knows what came so far.
      if (error !== limit.expired) throw error;
    });
    return await turn.result({ timeout: limit.remaining(), signal }).catch((error) => {
      throw error instanceof TaskTimeout ? late(turn?.messageId, error.events) : error;
    });
  } catch (error) {
    const expired = error === limit.expired;
    if (stopOnTimeout && (expired || error instanceof TaskTimeout))
      await turn?.stop().catch(() => {});
    turn?.note(error);
    if (!expired) throw error;
    throw turn === undefined ? early() : late();
  } finally {
    limit.clear();
    await turn?.close();
  }
}

/** Hands the events to the callback until the turn ends. */
async function follow(
  turn: Turn,
  onEvent: RunTurnOptions["onEvent"],
  signal: AbortSignal,
): Promise<void> {
  const events = turn[Symbol.asyncIterator]();
  // Read also where nobody looks: a full queue would hold the stream back.
  for (;;) {
    const { value: event, done } = await guarded(events.next(), signal);
    if (done || event === undefined) return;
    if (onEvent !== undefined)
      await guarded(
        turn.within(() => onEvent(event)),
        signal,
      );
  }
}
