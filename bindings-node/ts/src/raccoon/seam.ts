/**
 * What the core takes and gives for Raccoon. `make generate` writes this file: do not edit it.
 */

export type After =
  | string
  | { last_stream_entry_id?: string | null | undefined; last_event_id?: number | null | undefined };

export type Attach = {
  session_id: string;
  message_id: string;
  after?: After | null | undefined;
  events?: TurnEventOptions | undefined;
};

export type EventOptions = {
  after?: GivenPlace | null | undefined;
  include_history?: boolean | undefined;
  poll_interval?: number | undefined;
  timeout?: number | null | undefined;
  max_reconnects?: number | undefined;
};

export type FileToCheck = {
  uploaded?: boolean | undefined;
  path?: string | null | undefined;
  key?: string | null | undefined;
  content_type?: string | null | undefined;
};

export type GivenFile = {
  key: string;
  name?: string | undefined;
  type?: string | undefined;
  size?: number | undefined;
  uploaded_at?: string | null | undefined;
};

export type GivenPlace = {
  session_id: string;
  message_id: string;
  last_stream_entry_id?: string | null | undefined;
  last_event_id?: number | null | undefined;
};

export type Resume = {
  handle: string;
  from_start?: boolean | undefined;
  events?: TurnEventOptions | undefined;
};

export type RunTurns = {
  turns?: readonly TurnInSession[] | undefined;
  concurrency?: number | undefined;
  timeout?: number | null | undefined;
  stop_on_timeout?: boolean | undefined;
  stop_frame?: unknown | undefined;
};

export type StartTurn = {
  prompt: string;
  mode?: string | undefined;
  files?: readonly TurnFile[] | undefined;
  sdk_version?: string | null | undefined;
  base_prompt?: string | null | undefined;
  references?: readonly unknown[] | null | undefined;
  history?: readonly unknown[] | null | undefined;
  continuation?: string | null | undefined;
  extra?: { [name: string]: unknown } | undefined;
  events?: TurnEventOptions | undefined;
};

export type TextMode = "auto" | "delta" | "cumulative";

export type TurnEventOptions = {
  max_reconnects?: number | undefined;
  ping_interval?: number | undefined;
  idle_timeout?: number | undefined;
  replay?: boolean | undefined;
  text_mode?: TextMode | undefined;
};

export type TurnFile = GivenFile | string;

export type TurnInSession = { session_id?: string | null | undefined; turn: StartTurn };

export type Upload = {
  session_id?: string | undefined;
  key?: string | null | undefined;
  folder?: string | null | undefined;
  name?: string | null | undefined;
  content_type?: string | null | undefined;
};

export type DeleteResult = { success: boolean; deleted: boolean; message: string };

export type DirectoryFile = { path: string; folder: string };

export type History = { session: SessionInfo; messages: Message[]; last_turn: number | null };

export type Message = {
  id: string;
  role: Role;
  content: string;
  text: string;
  status: TurnStatus | null;
  plan: { [name: string]: unknown }[];
  sandbox_files: { [name: string]: unknown };
  created_at: number | null;
  mode: string | null;
  aborted: boolean;
  files: unknown[];
  events: unknown[];
  extra: { [name: string]: unknown };
};

export type PageInfo = {
  total_count: number | null;
  total_pages: number | null;
  current_page: number | null;
};

export type RawResponse = {
  status_code: number;
  headers: { [name: string]: string };
  body: string;
};

export type ResumePoint = {
  session_id: string;
  message_id: string;
  last_stream_entry_id: string | null;
  last_event_id: number | null;
};

export type Role = "user" | "agent";

export type SessionInfo = {
  session_id: string;
  id: string | null;
  title: string;
  created_at: number | null;
  updated_at: number | null;
  files: { [name: string]: unknown };
  [name: string]: unknown;
};

export type SessionPage = { sessions: SessionInfo[]; page: PageInfo | null; last: boolean };

export type StopResult = { confirmed: boolean; status: TurnStatus };

export type SuccessResult = { success: boolean; message: string };

export type TurnOutcome = {
  index: number;
  session_id: string;
  message_id: string | null;
  sent: boolean;
  result: TurnResult | null;
};

export type TurnResult = {
  text: string;
  text_is_certain: boolean;
  status: TurnStatus;
  reason: string | null;
  plan: { [name: string]: unknown }[];
  files: { [name: string]: unknown };
  session_id: string;
  message_id: string;
  duration: number;
  extra: { [name: string]: unknown };
};

export type TurnState = {
  session_id: string;
  message_id: string;
  user_message_id: string | null;
  workflow_id: string | null;
  status: TurnStatus;
  queue_position: number | null;
  resume_from: string | null;
  text: string;
  plan: { [name: string]: unknown }[];
  files: { [name: string]: unknown };
  resume_point: ResumePoint;
};

export type TurnStatus =
  | "submitted"
  | "queued"
  | "running"
  | "completed"
  | "aborted"
  | "failed"
  | "unknown";

export type Operation =
  | {
      op: "list_sessions";
      page?: number | null | undefined;
      limit?: number | null | undefined;
      search?: string | null | undefined;
      sort_by?: string | null | undefined;
      sort_order?: string | null | undefined;
    }
  | { op: "get_session"; session_id: string }
  | { op: "prepare_turn"; session_id: string; turn: StartTurn }
  | { op: "rename_session"; session_id: string; title: string }
  | { op: "delete_session"; session_id: string }
  | { op: "end_session"; session_id: string }
  | { op: "directory_files"; directory: string; pattern?: string | undefined }
  | {
      op: "request";
      method: string;
      path: string;
      query?: { [name: string]: string } | undefined;
      body?: unknown | undefined;
      headers?: { [name: string]: string } | undefined;
    };

export type TurnOperation =
  | {
      op: "send_message";
      text?: string | undefined;
      files?: readonly GivenFile[] | undefined;
      references?: readonly unknown[] | undefined;
      frame?: unknown | undefined;
    }
  | { op: "stop"; timeout?: number | undefined; frame?: unknown | undefined }
  | { op: "result"; timeout?: number | null | undefined };

export type Check =
  | { check: "session_id"; session_id: string }
  | {
      check: "turn";
      prompt: string;
      mode?: string | undefined;
      files?: readonly TurnFile[] | undefined;
      sdk_version?: string | null | undefined;
      base_prompt?: string | null | undefined;
      references?: readonly unknown[] | null | undefined;
      history?: readonly unknown[] | null | undefined;
      continuation?: string | null | undefined;
      extra?: { [name: string]: unknown } | undefined;
      events?: TurnEventOptions | undefined;
    }
  | {
      check: "run_turns";
      turns?: readonly TurnInSession[] | undefined;
      concurrency?: number | undefined;
      timeout?: number | null | undefined;
      stop_on_timeout?: boolean | undefined;
      stop_frame?: unknown | undefined;
    }
  | { check: "files"; files: readonly FileToCheck[] };

export interface Outputs {
  list_sessions: SessionPage;
  get_session: History;
  prepare_turn: string;
  rename_session: SuccessResult;
  delete_session: DeleteResult;
  end_session: DeleteResult;
  directory_files: DirectoryFile[];
  request: RawResponse;
}

export interface TurnOutputs {
  send_message: SuccessResult;
  stop: StopResult;
  result: TurnResult;
}
