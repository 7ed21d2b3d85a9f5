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

export {
  Agi,
  type AgiOptions,
  type ClientRunTaskOptions,
  type ModelsOptions,
} from "./agi/client.js";
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
export type { RunTasksOptions, TaskOutcome } from "./agi/fanout.js";
export {
  type ExecutionStatus,
  type Message,
  type Messages,
  type MessageType,
  type SessionStatus,
  TaskResult,
  type Validator,
} from "./agi/models.js";
export { Screenshot } from "./agi/screenshot.js";
export {
  type DeleteOptions,
  type EventsOptions,
  type FollowMessagesOptions,
  type MessagesOptions,
  type RecordOptions,
  type SendMessageOptions,
  Session,
  type SnapshotOptions,
  type WaitOptions,
} from "./agi/session.js";
export {
  type CleanupOptions,
  type CleanupReport,
  type CreateSessionOptions,
  Sessions,
} from "./agi/sessions.js";
export {
  type IfBusy,
  type RunTaskOptions,
  type StartTaskOptions,
  Task,
} from "./agi/task.js";
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
export { Emulator, type EmulatorOptions, type WebhookAttempt } from "./emulator/emulator.js";
export type { Fault } from "./emulator/faults.js";
export type {
  CapturedRequest,
  RequestMatch,
  WaitForRequestOptions,
} from "./emulator/requests.js";
export type {
  Scenario,
  ScenarioAnswer,
  ScenarioMatch,
  ScenarioStep,
  ScriptedTask,
  ScriptedTurn,
  TurnStep,
} from "./emulator/scenario.js";
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
export {
  Raccoon,
  type RaccoonOptions,
  type RaccoonRunTurnOptions,
  type WireNames,
} from "./raccoon/client.js";
export type {
  MessageReceivedData,
  MessageReceivedEvent,
  PlanUpdateData,
  PlanUpdateEvent,
  SandboxFile,
  SandboxSnapshotData,
  SandboxSnapshotEvent,
  TaskAbortedData,
  TaskAbortedEvent,
  TaskCompletedEvent,
  TaskErrorData,
  TaskErrorEvent,
  TextEvent,
  TodoItem,
  ToolResultData,
  ToolResultEvent,
  ToolStartData,
  ToolStartEvent,
  TurnEvent,
  TurnEventBase,
  TurnEventType,
  TurnTextData,
  TurnThoughtData,
  TurnThoughtEvent,
  UnknownTurnEvent,
} from "./raccoon/events.js";
export {
  type FileOptions,
  Media,
  type UploadInput,
  type UploadOptions,
  type UploadProgress,
} from "./raccoon/media.js";
export type {
  History,
  HistoryMessage,
  ResumePoint,
  SessionRecord,
  StopResult,
  TurnResult,
  TurnStatus,
  UploadedFile,
} from "./raccoon/models.js";
export {
  RaccoonSession,
  type RaccoonSessionOptions,
} from "./raccoon/session.js";
export { type ListSessionsOptions, RaccoonSessions } from "./raccoon/sessions.js";
export {
  type AttachOptions,
  type FrameEncoder,
  type RunTurnOptions,
  type StartTurnOptions,
  type StopOptions,
  Turn,
  type TurnEventOptions,
  type TurnMessageOptions,
  type TurnMode,
} from "./raccoon/turn.js";
export type { CallOptions } from "./shared/calls.js";
export { type Logger, setLogger } from "./shared/log.js";
export type { DeleteResult, RawResponse, SuccessResult } from "./shared/models.js";
export type { OptionChanges, RequestOptions, ResultOptions } from "./shared/options.js";
export { EventStream } from "./stream/stream.js";
export * as webhooks from "./webhooks.js";
