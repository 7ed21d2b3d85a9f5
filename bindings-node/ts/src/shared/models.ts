/**
 * The responses of both services, in JavaScript's names.
 */

import { native } from "../native.js";
import { isObject } from "../stream/batch.js";

/** The response to a delete. */
export interface DeleteResult {
  /** Whether the service deleted it, or it was gone already. */
  success: boolean;
  /** False for a session that was gone already. */
  deleted: boolean;
  /** What the service says; may be empty. */
  message: string;
}

/** The response to a command such as `pause`. */
export interface SuccessResult {
  /** Whether the service did it. */
  success: boolean;
  /** What the service says; may be empty. */
  message: string;
}

/** The response to `client.request`. */
export interface RawResponse {
  /** The HTTP status. */
  statusCode: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** The raw body. */
  body: string;
}

/**
 * An ISO 8601 text; UTC where it names no offset. Null if it cannot be read.
 * @internal
 */
export function parseTime(text: string | null | undefined): Date | null {
  const milliseconds = typeof text === "string" ? native.parseTime(text) : null;
  return milliseconds === null ? null : new Date(milliseconds);
}

/**
 * A time of Raccoon: milliseconds since 1970, or ISO 8601 text. Null if it is neither.
 * @internal
 */
export function timeOf(value: unknown): Date | null {
  if (typeof value === "string") return parseTime(value);
  if (typeof value !== "number" || !Number.isSafeInteger(value)) return null;
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? null : time;
}

/**
 * Takes a field. One of another type than documented stays: it is the object's `extra`.
 * @internal
 */
export function take<T>(
  fields: Record<string, unknown>,
  name: string,
  type: "string" | "number" | "object",
  none: T,
): T {
  const value = fields[name];
  const isOfType = type === "object" ? isObject(value) : typeof value === type;
  if (isOfType || value === null || value === undefined) delete fields[name];
  return isOfType ? (value as T) : none;
}

/** @internal */
export function rawResponseFrom(wire: {
  status_code: number;
  headers: Record<string, string>;
  body: string;
}): RawResponse {
  return { statusCode: wire.status_code, headers: wire.headers, body: wire.body };
}
