/**
 * What the core takes and gives for AGI. `make generate` writes this file: do not edit it.
 */

export type CreateSession = {
  agent_name?: string | undefined;
  webhook_url?: string | null | undefined;
  restore_from_session_id?: string | null | undefined;
  restore_default_environment_from_user_id?: string | null | undefined;
  enable_memory_snapshot?: boolean | null | undefined;
  goal?: string | null | undefined;
  max_steps?: number | null | undefined;
  restore_from_environment_id?: string | null | undefined;
  agent_session_type?: string | null | undefined;
  cdp_url?: string | null | undefined;
  environment_type?: string | null | undefined;
  wait_for_limit?: number | null | undefined;
  snapshot?: SnapshotOptions | undefined;
  extra_body?: { [name: string]: unknown } | undefined;
};

export type EventOptions = {
  event_types?: readonly string[] | null | undefined;
  timeout?: number | null | undefined;
  sanitize?: boolean | undefined;
  include_history?: boolean | undefined;
  idle_timeout?: number | undefined;
  max_reconnects?: number | undefined;
  poll_interval?: number | undefined;
};

export type IfBusy = "error" | "wait" | "cancel";

export type ListMessages = { after_id?: number | undefined; sanitize?: boolean | undefined };

export type PoolOptions = {
  max_sessions: number;
  max_age?: number | null | undefined;
  create?: CreateSession | undefined;
};

export type Resume = {
  handle: string;
  from_start?: boolean | undefined;
  events?: EventOptions | undefined;
};

export type RunTasks = {
  tasks?: readonly unknown[] | undefined;
  concurrency?: number | undefined;
  start_url?: string | null | undefined;
  timeout?: number | null | undefined;
  create?: CreateSession | undefined;
  snapshot?: SnapshotOptions | undefined;
  asks?: boolean | undefined;
  journal?: string | null | undefined;
  retry_failed?: boolean | undefined;
};

export type ScreenshotsOptions = { every: number; directory: string };

export type SendMessage = { message: string; start_url?: string | null | undefined };

export type SnapshotOptions = {
  save_snapshot_mode?: string | null | undefined;
  save_as_default?: boolean | null | undefined;
};

export type StartTask = {
  message: string;
  start_url?: string | null | undefined;
  events?: EventOptions | undefined;
  if_busy?: IfBusy | undefined;
};

export type WaitOptions = {
  timeout?: number | null | undefined;
  poll_interval?: number | undefined;
};

export type CleanupReport = {
  session_id: string;
  status: string;
  created_at: string | null;
  deleted: boolean;
  error: { [name: string]: unknown } | null;
};

export type DeleteResult = { success: boolean; deleted: boolean; message: string };

export type ExecutionStatus = { status: string };

export type Lease = { lease: number; session: SessionInfo };

export type Message = {
  id: number;
  type: string;
  content: unknown;
  timestamp: string | null;
  metadata: { [name: string]: unknown };
  [name: string]: unknown;
};

export type Messages = { messages: Message[]; status: string; has_agent: boolean };

export type Navigation = { current_url: string; redirected: boolean };

export type NextMessages = {
  messages: Message[];
  status: string;
  has_agent: boolean;
  over: boolean;
};

export type RawResponse = {
  status_code: number;
  headers: { [name: string]: string };
  body: string;
};

export type ReapOutcome = "deleted" | "gone" | "failed" | "perhaps";

export type ReapReport = {
  outcome: ReapOutcome;
  session_id: string | null;
  agent_name: string;
  created_at: string;
  working: boolean;
  error: { [name: string]: unknown } | null;
};

export type Recording = { session: unknown; events: unknown[]; messages: unknown[] };

export type Screenshot = {
  mime_type: string;
  width: number;
  height: number;
  url: string;
  title: string;
};

export type ScreenshotsReport = {
  paths: string[];
  failed: number;
  error: { [name: string]: unknown } | null;
};

export type SessionInfo = {
  session_id: string;
  agent_name: string;
  status: string;
  created_at: string | null;
  vnc_url: string | null;
  [name: string]: unknown;
};

export type SuccessResult = { success: boolean; message: string };

export type TaskResult = {
  text: string;
  data: unknown;
  message_id: number | null;
  messages: Message[];
  duration: number;
  metadata: { [name: string]: unknown };
  session_id: string;
};

export type Operation =
  | {
      op: "create_session";
      agent_name?: string | undefined;
      webhook_url?: string | null | undefined;
      restore_from_session_id?: string | null | undefined;
      restore_default_environment_from_user_id?: string | null | undefined;
      enable_memory_snapshot?: boolean | null | undefined;
      goal?: string | null | undefined;
      max_steps?: number | null | undefined;
      restore_from_environment_id?: string | null | undefined;
      agent_session_type?: string | null | undefined;
      cdp_url?: string | null | undefined;
      environment_type?: string | null | undefined;
      wait_for_limit?: number | null | undefined;
      snapshot?: SnapshotOptions | undefined;
      extra_body?: { [name: string]: unknown } | undefined;
    }
  | { op: "list_sessions"; status?: readonly string[] | null | undefined }
  | { op: "find_or_create"; create: CreateSession }
  | { op: "delete_created" }
  | { op: "is_alive"; session_id: string }
  | { op: "answer_question"; session_id: string; text: string }
  | { op: "try_pause"; session_id: string }
  | { op: "try_resume"; session_id: string }
  | { op: "get_session"; session_id: string }
  | { op: "delete_session"; session_id: string; snapshot?: SnapshotOptions | undefined }
  | { op: "end_session"; session_id: string; snapshot?: SnapshotOptions | undefined }
  | { op: "delete_all_sessions" }
  | {
      op: "cleanup";
      older_than?: number | null | undefined;
      statuses?: readonly string[] | undefined;
    }
  | { op: "reap"; older_than?: number | null | undefined }
  | { op: "release_session"; session_id: string }
  | { op: "send_message"; session_id: string; message: SendMessage }
  | { op: "prepare_task"; session_id: string; task: StartTask }
  | { op: "execution_status"; session_id: string }
  | { op: "messages"; session_id: string; options?: ListMessages | undefined }
  | {
      op: "next_messages";
      session_id: string;
      options?: ListMessages | undefined;
      poll_interval: number;
    }
  | { op: "record"; session_id: string }
  | { op: "pause"; session_id: string }
  | { op: "resume"; session_id: string }
  | { op: "cancel"; session_id: string }
  | { op: "stop"; session_id: string }
  | { op: "navigate"; session_id: string; url: string; settle?: number | null | undefined }
  | { op: "start_screenshots"; session_id: string; options: ScreenshotsOptions }
  | { op: "stop_screenshots"; number: number }
  | { op: "screenshot"; session_id: string }
  | { op: "wait"; session_id: string; options?: WaitOptions | undefined }
  | { op: "models"; filter?: string | null | undefined }
  | {
      op: "request";
      method: string;
      path: string;
      query?: { [name: string]: string } | undefined;
      body?: unknown | undefined;
      headers?: { [name: string]: string } | undefined;
    };

export type TaskOperation =
  | { op: "answer"; text: string; question_id?: number | null | undefined }
  | { op: "send_message"; text: string }
  | { op: "pause" }
  | { op: "resume" }
  | { op: "cancel" }
  | { op: "status" }
  | { op: "result"; timeout?: number | null | undefined };

export type PoolOperation =
  | { op: "acquire"; timeout?: number | null | undefined }
  | { op: "release"; lease: number; discard?: boolean | undefined }
  | { op: "close" };

export type Check =
  | { check: "session_id"; session_id: string }
  | {
      check: "snapshot";
      save_snapshot_mode?: string | null | undefined;
      save_as_default?: boolean | null | undefined;
    }
  | {
      check: "task";
      message: string;
      start_url?: string | null | undefined;
      events?: EventOptions | undefined;
      if_busy?: IfBusy | undefined;
    }
  | {
      check: "run_tasks";
      tasks?: readonly unknown[] | undefined;
      concurrency?: number | undefined;
      start_url?: string | null | undefined;
      timeout?: number | null | undefined;
      create?: CreateSession | undefined;
      snapshot?: SnapshotOptions | undefined;
      asks?: boolean | undefined;
      journal?: string | null | undefined;
      retry_failed?: boolean | undefined;
    };

export interface Outputs {
  create_session: SessionInfo;
  get_session: SessionInfo;
  find_or_create: SessionInfo;
  is_alive: boolean;
  try_pause: boolean;
  try_resume: boolean;
  start_screenshots: number;
  stop_screenshots: ScreenshotsReport;
  list_sessions: SessionInfo[];
  delete_session: DeleteResult;
  end_session: DeleteResult;
  delete_all_sessions: DeleteResult;
  cleanup: CleanupReport[];
  delete_created: CleanupReport[];
  reap: ReapReport[];
  release_session: null;
  send_message: SuccessResult;
  answer_question: SuccessResult;
  pause: SuccessResult;
  resume: SuccessResult;
  cancel: SuccessResult;
  stop: SuccessResult;
  prepare_task: string;
  execution_status: ExecutionStatus;
  wait: ExecutionStatus;
  messages: Messages;
  next_messages: NextMessages;
  record: Recording;
  navigate: Navigation;
  screenshot: Screenshot;
  models: string[];
  request: RawResponse;
}

export interface PoolOutputs {
  acquire: Lease;
  release: boolean;
  close: boolean;
}

export interface TaskOutputs {
  answer: SuccessResult;
  send_message: SuccessResult;
  pause: SuccessResult;
  resume: SuccessResult;
  cancel: SuccessResult;
  status: ExecutionStatus;
  result: TaskResult;
}
