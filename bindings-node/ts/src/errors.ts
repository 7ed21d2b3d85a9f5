/**
 * The errors. One tree, the same names as in Python; every one is an `Error` with a `code`.
 */

import type { AgiEvent, Question } from "./agi/events.js";
import { eventFromParts } from "./agi/events.js";
import type { ErrorInfo } from "./native.js";
import { type TurnEvent, turnEventFromFrame } from "./raccoon/events.js";

/** What an error may know besides its text. */
export interface ErrorFields {
  /** A machine-readable word. */
  code?: string | null;
  /** The bare reason. */
  detail?: string;
  /** The HTTP status. */
  statusCode?: number;
  /** The raw body. */
  body?: string;
  /** The headers of the response, with names in lower case. */
  headers?: Record<string, string>;
  /** The service's id of the request. */
  requestId?: string | null;
  /** Milliseconds. */
  retryAfter?: number | null;
  /** Whether the request may have had its effect all the same. */
  maybeDelivered?: boolean;
  /** The session that it is about. */
  sessionId?: string | null;
  /** A machine-readable word for why. */
  reason?: string | null;
  /** The highest event id seen before. */
  lastEventId?: number | null;
  /** The open question. */
  question?: Question | null;
  /** The latest events. */
  events?: (AgiEvent | TurnEvent)[];
  /** The agent message of the turn. */
  messageId?: string | null;
  /** The newest place in the turn's stream. */
  lastStreamEntryId?: string | null;
}

/** Every error of this package. */
export class SessionwireError extends Error {
  /**
   * A machine-readable word. For errors that the service answered it is the service's own
   * (`already_paused`), or null where it gave none.
   */
  readonly code: string | null;
  /** The bare reason: the service's own words, without context and advice. */
  readonly detail: string;

  constructor(message: string, fields: ErrorFields = {}) {
    super(message);
    this.code = fields.code ?? null;
    this.detail = fields.detail ?? message;
  }
}

/** Bad options, a missing key, no certificates. Code `ERR_SESSIONWIRE_CONFIG`. */
export class ConfigError extends SessionwireError {
  constructor(message: string, fields: ErrorFields = {}) {
    super(message, { code: "ERR_SESSIONWIRE_CONFIG", ...fields });
  }
}

/**
 * The input was refused before anything was sent. Code `ERR_INVALID_ARG_VALUE`, as Node's own
 * TypeErrors and RangeErrors for bad arguments have it.
 */
export class InvalidRequestError extends SessionwireError {
  constructor(message: string, fields: ErrorFields = {}) {
    super(message, { code: "ERR_INVALID_ARG_VALUE", ...fields });
  }
}

/** The service could not be reached, or answered with an error. */
export class APIError extends SessionwireError {
  /**
   * True when a request with an effect may have been carried out although the answer does not say
   * so. It is never sent again on a guess.
   */
  readonly maybeDelivered: boolean;
  /** Of a stream that could not be opened again: its session, else null. */
  readonly sessionId: string | null;
  /** Of such a turn: its agent message, for `client.attach`. */
  readonly messageId: string | null;
  /** Of such a turn: the newest place in its stream, for `client.attach`. */
  readonly lastStreamEntryId: string | null;
  /** Of such a stream: the highest event id seen before. */
  readonly lastEventId: number | null;
  /**
   * Such as `client_closed`, `bad_answer` (a response whose content is of no use), or `too_large` (one
   * that is larger than what is read), else null.
   */
  readonly reason: string | null;

  constructor(message: string, fields: ErrorFields = {}) {
    super(message, fields);
    this.maybeDelivered = fields.maybeDelivered ?? false;
    this.reason = fields.reason ?? null;
    this.sessionId = fields.sessionId ?? null;
    this.messageId = fields.messageId ?? null;
    this.lastStreamEntryId = fields.lastStreamEntryId ?? null;
    this.lastEventId = fields.lastEventId ?? null;
  }
}

/** No answer came: the connection could not be made, or broke. Code `ERR_SESSIONWIRE_CONNECTION`. */
export class APIConnectionError extends APIError {
  constructor(message: string, fields: ErrorFields = {}) {
    super(message, { code: "ERR_SESSIONWIRE_CONNECTION", ...fields });
  }
}

/** The deadline of a call passed. Code `ERR_SESSIONWIRE_TIMEOUT`. */
export class APITimeoutError extends APIConnectionError {
  constructor(message: string, fields: ErrorFields = {}) {
    super(message, { code: "ERR_SESSIONWIRE_TIMEOUT", ...fields });
  }
}

/**
 * The service answered: with an error, or with a success whose content is of no use (`reason` is
 * `bad_answer`). Each answer is the class of its status, also where `maybeDelivered` is true.
 */
export class APIStatusError extends APIError {
  /** The HTTP status. */
  readonly statusCode: number;
  /** The raw body. */
  readonly body: string;
  /** Names in lower case. */
  readonly headers: Record<string, string>;
  /** The service's id of the request, or null. */
  readonly requestId: string | null;
  /** How long the service asked to wait, in milliseconds. */
  readonly retryAfter: number | null;
  constructor(message: string, fields: ErrorFields = {}) {
    super(message, fields);
    this.statusCode = fields.statusCode ?? 0;
    this.body = fields.body ?? "";
    this.headers = fields.headers ?? {};
    this.requestId = fields.requestId ?? null;
    this.retryAfter = fields.retryAfter ?? null;
  }
}

/** 400 */
export class BadRequestError extends APIStatusError {}
/** 401 */
export class AuthenticationError extends APIStatusError {}
/** 403 */
export class PermissionDeniedError extends APIStatusError {}
/** 404 */
export class NotFoundError extends APIStatusError {}
/**
 * The session's state forbids it: 409, with the `code` `already_paused` or `not_paused` where the
 * service says so. Or a task that was not sent, because the session's last one has not ended: the
 * `code` is `task_in_progress`, and `statusCode` 0, since no answer came.
 */
export class ConflictError extends APIStatusError {
  /** The open question of the task in progress, or null. */
  readonly question: Question | null;

  constructor(message: string, fields: ErrorFields = {}) {
    super(message, fields);
    this.question = fields.question ?? null;
    // Declared beside `Task`, and not enumerable: see QuestionPending.
    Object.defineProperty(this, "task", { value: null, configurable: true, writable: true });
  }
}
/** 422 */
export class UnprocessableEntityError extends APIStatusError {}
/** 429, and the other answers with which the service limits. */
export class RateLimitError extends APIStatusError {}
/** 500 and above */
export class InternalServerError extends APIStatusError {}

/** An event stream ended for good. Code `ERR_SESSIONWIRE_STREAM`. */
export class StreamError extends SessionwireError {
  /** The highest event id seen before. */
  readonly lastEventId: number | null;
  /** A machine-readable word for why, such as `session_gone`, else null. */
  readonly reason: string | null;
  /** The session whose stream it was, or null. */
  readonly sessionId: string | null;
  /** Of a turn: its agent message, for `client.attach`. */
  readonly messageId: string | null;
  /** Of a turn: the newest place in its stream, for `client.attach`. */
  readonly lastStreamEntryId: string | null;

  constructor(message: string, fields: ErrorFields = {}) {
    super(message, { code: "ERR_SESSIONWIRE_STREAM", ...fields });
    this.lastEventId = fields.lastEventId ?? null;
    this.reason = fields.reason ?? null;
    this.sessionId = fields.sessionId ?? null;
    this.messageId = fields.messageId ?? null;
    this.lastStreamEntryId = fields.lastStreamEntryId ?? null;
  }
}

/** One event was larger than 16 MiB. */
export class EventTooLarge extends StreamError {}

/**
 * Why a task (`cancelled`) or a turn (`stopped`) is no longer its agent's; `ended`: the agent itself
 * said `done`, `fail` or `abort` before.
 */
export type TaskOverReason = "cancelled" | "stopped" | "deleted" | "closed" | "ended";

/**
 * In a function that plays the emulator's agent: the task or turn is no longer its own. Code
 * `ERR_SESSIONWIRE_TASK_OVER`.
 */
export class TaskOver extends SessionwireError {
  /** Why it is no longer this function's. */
  readonly reason: TaskOverReason;

  constructor(message: string, reason: TaskOverReason) {
    super(message, { code: "ERR_SESSIONWIRE_TASK_OVER" });
    this.reason = reason;
  }
}

/** The agent reported an error, or the task ended without a result. Code `ERR_SESSIONWIRE_TASK`. */
export class TaskError extends SessionwireError {
  /** Such as `ended_without_result`. */
  readonly reason: string | null;
  /** The latest events of the task or turn, oldest first. */
  readonly events: (AgiEvent | TurnEvent)[];
  /** The session that the task ran in, or null. */
  readonly sessionId: string | null;
  /** Of a turn: its agent message, for `client.attach`. */
  readonly messageId: string | null;

  constructor(message: string, fields: ErrorFields = {}) {
    super(message, { code: "ERR_SESSIONWIRE_TASK", ...fields });
    Object.defineProperty(this, "result", { value: null, configurable: true, writable: true });
    this.reason = fields.reason ?? null;
    this.events = fields.events ?? [];
    this.messageId = fields.messageId ?? null;
    this.sessionId = fields.sessionId ?? null;
  }
}

/**
 * The task waits for an answer and there is no `onQuestion`. Code `ERR_SESSIONWIRE_QUESTION`.
 * Answer with `error.task.answer(...)`, then go on with `error.task.result()`.
 */
export class QuestionPending extends SessionwireError {
  /** The question that waits for an answer. */
  readonly question: Question | null;
  /** The session that the task waits in. */
  readonly sessionId: string | null;

  constructor(message: string, fields: ErrorFields = {}) {
    super(message, { code: "ERR_SESSIONWIRE_QUESTION", ...fields });
    this.question = fields.question ?? null;
    this.sessionId = fields.sessionId ?? null;
    // Declared beside `Task`. Not enumerable: a logged error shows the question, not the client.
    Object.defineProperty(this, "task", { value: null, configurable: true, writable: true });
  }
}

/** A task did not end in time. It was not cancelled. Code `ERR_SESSIONWIRE_TASK_TIMEOUT`. */
export class TaskTimeout extends SessionwireError {
  /** The session that the task goes on in, or null. */
  readonly sessionId: string | null;
  /** The latest events of the task or turn so far, oldest first. */
  readonly events: (AgiEvent | TurnEvent)[];
  /** Of a turn: its agent message, for `client.attach`. */
  readonly messageId: string | null;

  constructor(message: string, fields: ErrorFields = {}) {
    super(message, { code: "ERR_SESSIONWIRE_TASK_TIMEOUT", ...fields });
    this.sessionId = fields.sessionId ?? null;
    this.events = fields.events ?? [];
    this.messageId = fields.messageId ?? null;
  }
}

/** A webhook payload was not understood or not authentic. Code `ERR_SESSIONWIRE_WEBHOOK`. */
export class WebhookError extends SessionwireError {
  constructor(message: string, fields: ErrorFields = {}) {
    super(message, { code: "ERR_SESSIONWIRE_WEBHOOK", ...fields });
  }
}

const CLASSES: Record<string, new (message: string, fields?: ErrorFields) => SessionwireError> = {
  SessionwireError,
  ConfigError,
  InvalidRequestError,
  APIError,
  APIConnectionError,
  APITimeoutError,
  APIStatusError,
  BadRequestError,
  AuthenticationError,
  PermissionDeniedError,
  NotFoundError,
  ConflictError,
  UnprocessableEntityError,
  RateLimitError,
  InternalServerError,
  StreamError,
  EventTooLarge,
  TaskError,
  QuestionPending,
  TaskTimeout,
  WebhookError,
};

// On the prototypes, so that minifiers cannot change the names.
for (const [name, type] of Object.entries(CLASSES)) {
  Object.defineProperty(type.prototype, "name", {
    value: name,
    configurable: true,
    writable: true,
  });
}

interface WireEvent {
  type: string;
  id: number | null;
  raw: string;
}

interface WireError {
  name: string;
  text: string;
  message: string;
  status_code: number | null;
  code: string | null;
  body: string | null;
  headers: Record<string, string>;
  request_id: string | null;
  retry_after: number | null;
  maybe_delivered: boolean;
  session_id: string | null;
  reason: string | null;
  last_event_id: number | null;
  question: WireEvent | null;
  events: WireEvent[];
  message_id: string | null;
  last_stream_entry_id: string | null;
}

/**
 * The error that the core described.
 * @internal
 */
export function errorFrom(info: ErrorInfo, inWords = inNodeWords): SessionwireError {
  const wire = JSON.parse(info.error) as WireError;
  const event = (event: WireEvent) => eventFromParts(event.type, event.id, event.raw);
  const fields: ErrorFields = {
    detail: wire.message,
    maybeDelivered: wire.maybe_delivered,
    sessionId: wire.session_id,
    reason: wire.reason,
    lastEventId: wire.last_event_id,
    question: wire.question === null ? null : (event(wire.question) as Question),
    // A turn has an agent message, a task has none.
    events: wire.events.map((item) =>
      wire.message_id === null ? event(item) : turnEventFromFrame(item.raw),
    ),
    messageId: wire.message_id,
    lastStreamEntryId: wire.last_stream_entry_id,
    headers: wire.headers,
    requestId: wire.request_id,
    retryAfter: wire.retry_after === null ? null : wire.retry_after * 1000,
  };
  if (wire.code !== null) fields.code = wire.code;
  if (wire.body !== null) fields.body = wire.body;
  if (wire.status_code !== null) fields.statusCode = wire.status_code;
  const type = CLASSES[wire.name] ?? SessionwireError;
  return new type(inWords(wire), fields);
}

/**
 * The same for what is written in a format of its own, whose words are the same in all languages: a
 * scenario, a fault.
 * @internal
 */
export function errorOfFormat(info: ErrorInfo): SessionwireError {
  return errorFrom(info, (wire) => wire.text);
}

function inNodeWords(wire: WireError): string {
  // What the service said stays as it is.
  const ours =
    /`(retry_after|wait_for_limit|api_key|base_url|decode_answer|agent_message_id|respect_max_concurrent)(=True)?`/g;
  return wire.status_code === null ? inCamelCase(wire.text) : inCamelCase(wire.text, ours);
}

/**
 * The core names options as Python does; here they are in camel case.
 * @internal
 */
export function inCamelCase(text: string, names = /`([a-z]+(?:_[a-z]+)+)(=True)?`/g): string {
  return text.replace(names, (_, name: string, isTrue: string | undefined) => {
    const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    return `\`${camel}${isTrue === undefined ? "" : ": true"}\``;
  });
}

/**
 * The same, for a value that may be an error.
 * @internal
 */
export function orThrow<T extends object>(value: T | ErrorInfo): T {
  if ("error" in value) throw errorFrom(value);
  return value;
}
