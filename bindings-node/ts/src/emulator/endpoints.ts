/**
 * Generated from `emulator/src/faults/endpoint.rs` by `make generate`: change that file, and run it.
 */

/** Which requests a fault is for; `webhook`: none, but the webhooks; `*`: all. */
export type Endpoint =
  | "create"
  | "list"
  | "get"
  | "delete"
  | "delete_all"
  | "message"
  | "status"
  | "messages"
  | "events"
  | "pause"
  | "resume"
  | "cancel"
  | "navigate"
  | "screenshot"
  | "models"
  | "start_turn"
  | "rename"
  | "upload"
  | "socket"
  | "abort_turn"
  | "webhook"
  | "*";
