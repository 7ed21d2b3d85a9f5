/**
 * What both services answer, in JavaScript's names.
 */

/** The answer of a delete. */
export interface DeleteResult {
  success: boolean;
  /** False for a session that was gone already. */
  deleted: boolean;
  message: string;
}

/** The answer of a command such as `pause`. */
export interface SuccessResult {
  success: boolean;
  message: string;
}

/** The answer of `client.request`. */
export interface RawResponse {
  statusCode: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: string;
}

/** @internal */
export function rawResponseFrom(wire: {
  status_code: number;
  headers: Record<string, string>;
  body: string;
}): RawResponse {
  return { statusCode: wire.status_code, headers: wire.headers, body: wire.body };
}
