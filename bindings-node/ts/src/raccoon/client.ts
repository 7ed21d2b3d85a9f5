/**
 * The client of the Raccoon service.
 */

import { inspect } from "node:util";
import { ConfigError, errorFrom, InvalidRequestError, orThrow } from "../errors.js";
import { type NativeRaccoonClient, native } from "../native.js";
import { text } from "../shared/calls.js";
import { known, type Names } from "../shared/known.js";
import { close, settleAtExit } from "../shared/left.js";
import type { RawResponse } from "../shared/models.js";
import {
  type OptionChanges,
  type RequestOptions,
  SERVICE_OPTIONS,
  type ServiceOptions,
} from "../shared/options.js";
import { changed, clientOptions, Existing, environment, request } from "../shared/service.js";
import { traceBy } from "../shared/telemetry.js";
import { type GivenTurn, type RunTurnsOptions, runTurns, type TurnOutcomes } from "./fanout.js";
import { type AnswerDecoder, answerHook, type FrameDecoder, frameHook } from "./hooks.js";
import { Media } from "./media.js";
import type { ResumePoint, TurnResult } from "./models.js";
import type { Check } from "./seam.js";
import { RaccoonSession, type RaccoonSessionOptions } from "./session.js";
import { RaccoonSessions } from "./sessions.js";
import {
  type AttachOptions,
  attach,
  encodeFramesBy,
  type FrameEncoder,
  frameEncoder,
  type ResumeTurnOptions,
  RUN,
  type RunTurnOptions,
  resume,
  type Turn,
  type TurnEventOptions,
} from "./turn.js";

/**
 * Names on the wire that the service's documentation leaves open. The service is a beta: where it
 * uses another name, set it here.
 */
export interface WireNames {
  /** The fields that all carry the prompt. Default: `["prompt", "task"]`. */
  prompt?: readonly string[];
  /** The version of the agent. Default: `sdk_version`. */
  sdkVersion?: string;
  /** Instructions that the prompt builds on. */
  basePrompt?: string;
  /** Objects to refer to. */
  references?: string;
  /** A conversation to go on from. */
  history?: string;
  /** Data to continue with. */
  continuation?: string;
  /** The fields of a file that a turn refers to. Default: `key`, `name`, `type`, `size`. */
  fileKey?: string;
  /** The name of a file. */
  fileName?: string;
  /** The media type of a file. */
  fileType?: string;
  /** The size of a file. */
  fileSize?: string;
  /**
   * The fields of the answer to a new turn that may name its agent message. Default:
   * `["agent_message_id", "assistant_message_id"]`.
   */
  agentMessageId?: readonly string[];
  /** The message of the prompt. */
  userMessageId?: string;
  /** The service's workflow. */
  workflowId?: string;
  /** Whether the turn is queued. Default: `status`. */
  turnStatus?: string;
  /** How many turns go before this one. */
  queuePosition?: string;
  /** Which page of the list. */
  page?: string;
  /** How many sessions a page has. */
  limit?: string;
  /** What is searched for. */
  search?: string;
  /** What is sorted by. */
  sortBy?: string;
  /** In which order. */
  sortOrder?: string;
  /** The fields that may hold the list of sessions. Default: `["sessions", "chats", "data"]`. */
  sessions?: readonly string[];
  /** The field that says where a page stands, and its fields. */
  meta?: string;
  /** How many sessions there are. */
  totalCount?: string;
  /** How many pages there are. */
  totalPages?: string;
  /** Which page this one is. */
  currentPage?: string;
  /** The new title of a session. */
  title?: string;
  /** The field that says what a frame to the service is. Default: `type`. */
  frameType?: string;
  /** What a message's frame is. Default: `message`. */
  messageFrame?: string;
  /** The field of a message's text. Default: `text`. */
  messageText?: string;
  /** The field of a message's files. Default: `files`. */
  messageFiles?: string;
  /** The field of the objects that a message refers to. Default: `references`. */
  messageReferences?: string;
  /** What a stop's frame is. Default: `stop`. */
  stopFrame?: string;
  /**
   * Fields of a frame of the service's: its kind, ids, time and payload. The first that is there
   * counts, here and below. A name may be a path, such as `data.kind`, and `eventId` is the same
   * name as `event_id`. Default: `["kind", "type", "event", "event_type"]`.
   */
  frameKind?: readonly string[];
  /** Default: `["event_id", "id", "seq"]`. */
  frameEventId?: readonly string[];
  /** Default: `["block_id", "block"]`. */
  frameBlockId?: readonly string[];
  /** Default: `["message_id", "agent_message_id"]`. */
  frameMessageId?: readonly string[];
  /** Default: `["stream_entry_id", "entry_id"]`. */
  frameEntryId?: readonly string[];
  /** Default: `["timestamp", "ts", "created_at"]`. */
  frameTimestamp?: readonly string[];
  /** Default: `["payload", "data", "content", "delta", "body"]`; else beside the ids. */
  framePayload?: readonly string[];
  /** Where a payload has its text. Default: `["text", "content", "delta", "value", "chunk"]`. */
  textFields?: readonly string[];
  /** The same of a thought. Default: `["thought", "reasoning", "text", "content", "delta"]`. */
  thoughtFields?: readonly string[];
  /** Where `task.completed` may have the answer. Default: `["text", "result", "answer", "output", "content"]`. */
  resultFields?: readonly string[];
  /** Kinds beside those that say in their words what they are. Default: none. */
  textKinds?: readonly string[];
  /** The kinds of frames with a thought. */
  thoughtKinds?: readonly string[];
  /** The kinds of frames that end a turn well. */
  completedKinds?: readonly string[];
  /** The kinds of frames that end a turn that was stopped. */
  abortedKinds?: readonly string[];
  /** The kinds of frames that end a turn that failed. */
  failedKinds?: readonly string[];
}

/** What a client may be told; everything else comes from the environment or the default. */
export interface RaccoonOptions extends ServiceOptions {
  /** Default: the environment variable `RACCOON_API_KEY`. */
  apiKey?: string | undefined;
  /** Default: `RACCOON_BASE_URL`, else the service. */
  baseUrl?: string | undefined;
  /** Default: `baseUrl` with `ws` for `http`. */
  websocketUrl?: string | undefined;
  /** Names of fields where the service has others than this version knows. */
  wire?: WireNames | undefined;
  /**
   * Writes the frames that `sendMessage` and `stop` send in its own way: it gets the frame, and
   * gives the one to send.
   */
  encodeFrame?: FrameEncoder | undefined;
  /**
   * Brings each frame of a turn into the documented form, where no name in `wire` can. Where it throws, or
   * gives anything but an object, null or undefined, the turn's stream ends with a `StreamError` whose `reason` is
   * `decode_frame`; the turn goes on. A plain function, called on the thread that made the client.
   */
  decodeFrame?: FrameDecoder | undefined;
  /**
   * The same for the response to each operation. Where it throws, the call ends with an `APIStatusError` whose
   * `reason` is `decode_answer`; after `startTurn` its `maybeDelivered` is true.
   */
  decodeAnswer?: AnswerDecoder | undefined;
  /**
   * Starts no more turns at once than the service allows. Further ones wait here for a place, for
   * `waitForLimit`, or `timeout` where that is not set; then they are an `APITimeoutError`. A turn that nobody
   * follows any more keeps its place until the history says that it is over, for at most 10 minutes.
   */
  respectMaxConcurrent?: boolean | undefined;
}

/** How a turn is run by the client. */
export interface RaccoonRunTurnOptions extends RunTurnOptions {
  /** The session to run it in. Default: a fresh one. */
  sessionId?: string | undefined;
}

const WIRE: Names<WireNames> = {
  prompt: true,
  sdkVersion: true,
  basePrompt: true,
  references: true,
  history: true,
  continuation: true,
  fileKey: true,
  fileName: true,
  fileType: true,
  fileSize: true,
  agentMessageId: true,
  userMessageId: true,
  workflowId: true,
  turnStatus: true,
  queuePosition: true,
  page: true,
  limit: true,
  search: true,
  sortBy: true,
  sortOrder: true,
  sessions: true,
  meta: true,
  totalCount: true,
  totalPages: true,
  currentPage: true,
  title: true,
  frameType: true,
  messageFrame: true,
  messageText: true,
  messageFiles: true,
  messageReferences: true,
  stopFrame: true,
  frameKind: true,
  frameEventId: true,
  frameBlockId: true,
  frameMessageId: true,
  frameEntryId: true,
  frameTimestamp: true,
  framePayload: true,
  textFields: true,
  thoughtFields: true,
  resultFields: true,
  textKinds: true,
  thoughtKinds: true,
  completedKinds: true,
  abortedKinds: true,
  failedKinds: true,
};

const OPTIONS: Names<RaccoonOptions> = {
  ...SERVICE_OPTIONS,
  websocketUrl: true,
  wire: true,
  encodeFrame: true,
  decodeFrame: true,
  decodeAnswer: true,
  respectMaxConcurrent: true,
};

const CLIENT_RUN: Names<RaccoonRunTurnOptions> = {
  ...RUN,
  sessionId: true,
};

/** A client. It makes no request until it is asked to; any number of calls can run at once. */
export class Raccoon implements AsyncDisposable {
  /** List, read, rename and delete sessions. */
  readonly sessions: RaccoonSessions;
  /** Upload files. */
  readonly media: Media;
  readonly #native: NativeRaccoonClient;

  /** Throws a `ConfigError` if there is no key or an option cannot be used. */
  constructor(options: RaccoonOptions = {}) {
    this.#native = options instanceof Existing ? options.client : open(options);
    settleAtExit();
    this.sessions = new RaccoonSessions(this.#native);
    this.media = new Media(this.#native);
  }

  /** The service's address. */
  get baseUrl(): string {
    return this.#native.baseUrl;
  }

  /** How many turns may run at once, as the service said last; null before its first answer. */
  get maxConcurrent(): number | null {
    return this.#native.maxConcurrent;
  }

  /**
   * A session: a fresh one with a new UUID, or an existing one. Sends nothing; the first turn
   * creates it.
   */
  session(sessionId?: string, options: RaccoonSessionOptions = {}): RaccoonSession {
    return new RaccoonSession(this.#native, checked(sessionId), options);
  }

  /** Runs a turn in a fresh session, or in `sessionId`, to its end; gives its result. */
  async runTurn(prompt: string, options: RaccoonRunTurnOptions = {}): Promise<TurnResult> {
    const { sessionId, ...run } = known(options, CLIENT_RUN);
    return this.session(sessionId).runTurn(prompt, run);
  }

  /**
   * Runs many turns, each in a session of its own unless it names one, and gives each outcome as its
   * turn ends. One failure stops nothing; the sessions stay. Turns of one session go one after another,
   * in their order. No more run at once than the service allows, with or without
   * `respectMaxConcurrent`: the others wait here, for as long as it takes. Throws an
   * `InvalidRequestError` for an empty prompt, for example; nothing was sent then.
   *
   * @example
   * ```ts
   * for await (const { turn, result, error } of client.runTurns(["Price of the mug?"])) {
   *   console.log(turn, error ?? result?.text);
   * }
   * ```
   */
  runTurns(turns: Iterable<string | GivenTurn>, options: RunTurnsOptions = {}): TurnOutcomes {
    return runTurns(this.#native, turns, options);
  }

  /**
   * The turn of a handle, also of one that another process or another language took: its events go
   * on after the last one that was given. A turn that was prepared is started first, unless the
   * session's history shows that it was started already. Rejects with `InvalidRequestError` for what
   * is no handle of a turn, was cut, or is of a later version; with `ConflictError` where another turn
   * was started in the session since it was prepared; `maybeDelivered` is true where nobody can know
   * whether it was started.
   *
   * @example
   * ```ts
   * const turn = await client.resume(await readFile("turn.handle", "utf8"));
   * for await (const event of turn) console.log(event.kind, event.text);
   * const result = await turn.result();
   * ```
   */
  resume(handle: string, options: ResumeTurnOptions = {}): Promise<Turn> {
    return resume(this.#native, handle, options);
  }

  /** A handle on a turn that was started before, or elsewhere. */
  attach(sessionId: string, messageId: string, options?: AttachOptions): Promise<Turn>;
  /** A handle on a turn that goes on after a `turn.resumePoint`. */
  attach(point: ResumePoint, options?: TurnEventOptions): Promise<Turn>;
  async attach(
    where: string | ResumePoint,
    messageId?: string | TurnEventOptions,
    options: AttachOptions = {},
  ): Promise<Turn> {
    if (typeof where !== "object" || where === null) {
      return attach(this.#native, where, messageId as string, options);
    }
    if (typeof messageId === "string" || "after" in (messageId ?? {})) {
      throw new InvalidRequestError(
        "`sessionId` is a resume point, which says where to go on. Leave out `messageId` and `after`.",
      );
    }
    return attach(this.#native, where.sessionId, where.messageId, { ...messageId, after: where });
  }

  /** A copy with other options that shares the connections. Closing one closes both. */
  withOptions(changes: OptionChanges): Raccoon {
    const copy = changed(this.#native, changes);
    encodeFramesBy(copy.client, frameEncoder(this.#native));
    return new Raccoon(copy as RaccoonOptions);
  }

  /** Any request: `path` is what follows the base URL. The same key, retries and errors as other calls. */
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
    return `Raccoon ${inspect(this.toJSON(), options)}`;
  }
}

/** A session's id, checked; a new one where there is none. */
function checked(sessionId: string | undefined): string {
  if (sessionId === undefined) {
    const id = native.newSessionId();
    if (typeof id !== "string") throw errorFrom(id);
    return id;
  }
  const session_id = text("sessionId", sessionId);
  const input: Check = { check: "session_id", session_id };
  const error = native.checkRaccoon(JSON.stringify(input));
  if (error !== null) throw errorFrom(error);
  return sessionId;
}

function open(options: RaccoonOptions): NativeRaccoonClient {
  known(options, OPTIONS, ConfigError);
  const json = JSON.stringify({
    ...clientOptions(options, "RACCOON_API_KEY"),
    websocket_url: options.websocketUrl,
    wire:
      options.wire === undefined ? undefined : wireNames(known(options.wire, WIRE, ConfigError)),
    respect_max_concurrent: options.respectMaxConcurrent,
  });
  const { encodeFrame } = options;
  if (encodeFrame !== undefined && typeof encodeFrame !== "function") {
    throw new ConfigError(
      `\`encodeFrame\` is not a function but ${encodeFrame === null ? "null" : typeof encodeFrame}. Give a ` +
        "function that takes a frame and gives the one to send.",
    );
  }
  // No hook is called before there is a client.
  const redact = (text: string) => client.redacted(text);
  const client: NativeRaccoonClient = orThrow(
    native.RaccoonClient.open(
      json,
      environment,
      frameHook(options.decodeFrame, redact),
      answerHook(options.decodeAnswer, redact),
    ),
  );
  encodeFramesBy(client, encodeFrame);
  traceBy(client, options);
  return client;
}

function wireNames(names: WireNames): object {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(names).map(([name, value]) => [snake(name), value]));
}
