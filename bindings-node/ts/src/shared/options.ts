/**
 * What the clients of both services may be told.
 */

import { CALL, type CallOptions } from "./calls.js";
import type { Names } from "./known.js";
import type { TracerProvider } from "./telemetry.js";

/** The options of a client. */
export interface ServiceOptions {
  /** The key. Default: an environment variable. */
  apiKey?: string | undefined;
  /** The service's address. Default: an environment variable, else the service. */
  baseUrl?: string | undefined;
  /** Milliseconds for one call over all its retries and waits. Default: 60,000. */
  timeout?: number | undefined;
  /** Milliseconds for opening a connection. Default: 10,000. */
  connectTimeout?: number | undefined;
  /** How often a request is tried again where that is safe. Default: 3. */
  maxRetries?: number | undefined;
  /**
   * Milliseconds that a call may wait, within `timeout`, for the service's limits to end (429, or 503
   * "Rate limit exceeded"), such as too many sessions at once. Default: a limit is tried again like
   * any other failure; 0: it is a `RateLimitError` at once.
   */
  waitForLimit?: number | undefined;
  /**
   * A proxy for every request: http, https, socks5, socks5h, socks4 or socks4a. Default: `HTTPS_PROXY`,
   * `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
   */
  proxy?: string | undefined;
  /**
   * A PEM file with the certificates to trust instead of the system's: of authorities, or the service's own.
   * Default: `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`, the first that is set, else the system's;
   * `NODE_EXTRA_CA_CERTS` adds to the first and the last.
   */
  caFile?: string | undefined;
  /** Headers for every request. */
  headers?: Record<string, string> | undefined;
  /** Allows `http://` to a host that is not this machine. */
  allowInsecureHttp?: boolean | undefined;
  /** False makes no spans, also where the program traces with OpenTelemetry. Default: true. */
  telemetry?: boolean | undefined;
  /**
   * Whose tracer makes the spans. Default: the program's provider; without one there are no spans, and
   * nothing is loaded.
   */
  tracerProvider?: TracerProvider | undefined;
}

/** What `withOptions` can change. */
export type OptionChanges = Pick<
  ServiceOptions,
  "timeout" | "maxRetries" | "waitForLimit" | "headers"
>;

/** @internal */
export const OPTION_CHANGES: Names<OptionChanges> = {
  timeout: true,
  maxRetries: true,
  waitForLimit: true,
  headers: true,
};

/** @internal */
export const SERVICE_OPTIONS: Names<ServiceOptions> = {
  ...OPTION_CHANGES,
  apiKey: true,
  baseUrl: true,
  connectTimeout: true,
  proxy: true,
  caFile: true,
  allowInsecureHttp: true,
  telemetry: true,
  tracerProvider: true,
};

/** What goes with any request. */
export interface RequestOptions extends CallOptions {
  /** Query parameters. */
  query?: Record<string, string> | undefined;
  /** A JSON body. */
  body?: unknown;
  /** More headers. */
  headers?: Record<string, string> | undefined;
}

/** @internal */
export const REQUEST_OPTIONS: Names<RequestOptions> = {
  ...CALL,
  query: true,
  body: true,
  headers: true,
};

/** What `result` of a task or turn accepts. */
export interface ResultOptions extends CallOptions {
  /** Milliseconds; then `TaskTimeout`. Default: no limit. */
  timeout?: number | undefined;
}

/** @internal */
export const RESULT_OPTIONS: Names<ResultOptions> = { ...CALL, timeout: true };
