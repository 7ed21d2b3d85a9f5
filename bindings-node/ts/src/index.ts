/// <reference types="node" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Client for agent sessions, and a local emulator.
 *
 * @example
 * ```ts
 * import { Agi } from "sessionwire";
 *
 * await using client = new Agi(); // AGI_API_KEY, AGI_BASE_URL
 * await using session = await client.sessions.create({ agentName: "agi-0" });
 * const result = await session.runTask("Find three nonstop SFO-JFK flights");
 * console.log(result.text);
 * ```
 */

import "./shared/dispose.js";

// `export type *`: each type of the module is public, but for those marked as internal. What is a value is named.
export type * from "./agi/client.js";
export { Agi } from "./agi/client.js";
export type {
  AgiEvent,
  DoneData,
  DoneEvent,
  ErrorData,
  ErrorEvent,
  EventBase,
  EventType,
  HeartbeatEvent,
  LogEvent,
  PausedEvent,
  QuestionEvent,
  ResumedEvent,
  StepData,
  StepEvent,
  TextData,
  ThoughtEvent,
  TimestampData,
  UnknownEvent,
  UserEvent,
} from "./agi/events.js";
export type * from "./agi/fanout.js";
export type * from "./agi/models.js";
export { TaskResult } from "./agi/models.js";
export type {
  OutputOptions,
  OutputSchema,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from "./agi/output.js";
export type * from "./agi/pool.js";
export { PooledSession, SessionPool } from "./agi/pool.js";
export { Screenshot } from "./agi/screenshot.js";
export type * from "./agi/session.js";
export { Session } from "./agi/session.js";
export type { SessionToolOptions } from "./agi/session-tool.js";
export type * from "./agi/sessions.js";
export { Sessions } from "./agi/sessions.js";
export type * from "./agi/task.js";
export { Task } from "./agi/task.js";
export type {
  AgentTool,
  ToolInputData,
  ToolNames,
  ToolParameters,
  ToolSchema,
} from "./agi/tool.js";
export {
  Agent,
  type AgentFile,
  type AgentFunction,
  type AgentPage,
  type AgentTask,
  type AgentTodo,
  type AgentTurn,
  TurnAgent,
  type TurnAgentFunction,
} from "./emulator/agent.js";
export type * from "./emulator/emulator.js";
export { Emulator } from "./emulator/emulator.js";
export type * from "./emulator/faults.js";
export type {
  CapturedRequest,
  RequestMatch,
  WaitForRequestOptions,
} from "./emulator/requests.js";
export type * from "./emulator/scenario.js";
export {
  APIConnectionError,
  APIError,
  APIStatusError,
  APITimeoutError,
  AuthenticationError,
  BadRequestError,
  ConfigError,
  ConflictError,
  type ErrorFields,
  EventTooLarge,
  InternalServerError,
  InvalidRequestError,
  NotFoundError,
  PermissionDeniedError,
  QuestionPending,
  RateLimitError,
  SessionwireError,
  StreamError,
  TaskError,
  TaskOver,
  type TaskOverReason,
  TaskTimeout,
  UnprocessableEntityError,
  WebhookError,
} from "./errors.js";
export type * from "./raccoon/client.js";
export { Raccoon } from "./raccoon/client.js";
export type * from "./raccoon/events.js";
export type * from "./raccoon/fanout.js";
export { TurnOutcomes } from "./raccoon/fanout.js";
export type * from "./raccoon/hooks.js";
export type * from "./raccoon/media.js";
export { Media } from "./raccoon/media.js";
export type * from "./raccoon/models.js";
export { TurnResult } from "./raccoon/models.js";
export type * from "./raccoon/session.js";
export { RaccoonSession } from "./raccoon/session.js";
export type * from "./raccoon/sessions.js";
export { RaccoonSessions } from "./raccoon/sessions.js";
export type * from "./raccoon/turn.js";
export { Turn } from "./raccoon/turn.js";
export type { CallOptions } from "./shared/calls.js";
export { type Fields, type Logger, setLogger } from "./shared/log.js";
export type * from "./shared/models.js";
export type { OptionChanges, RequestOptions, ResultOptions } from "./shared/options.js";
export type { Validator } from "./shared/results.js";
export type { SseBodyOptions } from "./shared/sse.js";
export {
  type Owned,
  resumeHandle,
  type Sse,
  type SseOptions,
  type SseSource,
  toSse,
  type WithHeaders,
} from "./sse.js";
export { EventStream } from "./stream/stream.js";
export * as webhooks from "./webhooks.js";
