/**
 * What the clients of both services share.
 */

import type { Operation, Outputs } from "../agi/seam.js";
import { ConfigError, orThrow } from "../errors.js";
import type { NativeCalls, NativeService, NativeTraced } from "../native.js";
import { count, execute, path, seconds, secondsOrNone, text } from "./calls.js";
import { known, plainHeaders } from "./known.js";
import { type RawResponse, rawResponseFrom } from "./models.js";
import {
  OPTION_CHANGES,
  type OptionChanges,
  REQUEST_OPTIONS,
  type RequestOptions,
  type ServiceOptions,
} from "./options.js";
import { traceLike } from "./telemetry.js";

/** A native client that already exists, in the place of options. */
export class Existing<Client> {
  constructor(readonly client: Client) {}
}

/** The options of every client in the core's words. `variable` is where the key comes from otherwise. */
export function clientOptions(options: ServiceOptions, variable: string): object {
  if (options.apiKey !== undefined && typeof options.apiKey !== "string") {
    throw new ConfigError(`\`apiKey\` must be a string. Pass the key, or set ${variable}.`);
  }
  return {
    ...changedOptions(options),
    api_key: options.apiKey,
    base_url: options.baseUrl,
    connect_timeout: seconds("connectTimeout", options.connectTimeout, ConfigError),
    proxy: options.proxy,
    ca_file: path("caFile", options.caFile, ConfigError),
    allow_insecure_http: options.allowInsecureHttp,
  };
}

function changedOptions(options: OptionChanges): object {
  return {
    timeout: seconds("timeout", options.timeout, ConfigError),
    max_retries: count("maxRetries", options.maxRetries, ConfigError),
    wait_for_limit: secondsOrNone("waitForLimit", options.waitForLimit, ConfigError),
    headers: plainHeaders(options.headers, ConfigError),
  };
}

/** The environment is that of this JavaScript: workers and test runners have their own. */
export function environment(name: string): string | null {
  return process.env[name] ?? null;
}

/** A copy of a native client with other options, on the same connections. */
export function changed<Client extends object>(
  client: NativeService<Client, never, unknown>,
  changes: OptionChanges,
): Existing<Client> {
  const options = changedOptions(known(changes, OPTION_CHANGES, ConfigError));
  const copy = orThrow(client.withOptions(JSON.stringify(options)));
  traceLike(client, copy);
  return new Existing(copy);
}

/** Any request, which is the same operation of both services. */
export async function request(
  client: NativeCalls<Extract<Operation, { op: "request" }>, Pick<Outputs, "request">> &
    NativeTraced,
  method: string,
  path: string,
  options: RequestOptions,
): Promise<RawResponse> {
  known(options, REQUEST_OPTIONS);
  const operation = {
    op: "request" as const,
    method: text("method", method),
    path: text("path", path),
    query: options.query,
    body: options.body,
    headers: plainHeaders(options.headers),
  };
  return rawResponseFrom(await execute(client, operation, options.signal));
}
