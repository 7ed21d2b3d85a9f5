/**
 * The log: what the client does, for debugging.
 */

import { isMainThread } from "node:worker_threads";
import { native } from "../native.js";
import { takeFirst } from "./first.js";
import { warn } from "./warn.js";

/**
 * What a line says, by name: `method`, `url`, `status`, `attempt`, `duration` and `wait` (seconds), `error`, `reason`,
 * `session_id`, `request_id`, `trace_id`, `span_id`, as far as it has them.
 */
export type Fields = Record<string, string | number | boolean | null>;

/** Where log lines go: `console`, pino, winston, or your own. A function that takes two parameters gets the fields. */
export interface Logger {
  /** What helps to find a fault. */
  debug(message: string, fields: Fields): void;
  /** What somebody should look at. */
  warn(message: string, fields: Fields): void;
}

let logger: Logger | null = null;
let watching = false;

/**
 * Logs what all clients of this process do, to `logger`: each request with its status, duration and
 * attempt, retries with their reason, reconnects. No key, header or body is ever logged. `null`
 * switches it off, as it is at first. The environment variable `SESSIONWIRE_LOG=debug` does the
 * same, to stderr.
 */
export function setLogger(next: Logger | null): void {
  if (watching) flush();
  logger = next;
  if (next !== null && !watching) {
    watching = true;
    // For good: a wake-up may be under way at any time.
    native.watchLog(flush);
    takeFirst(flush);
    process.on("exit", flush);
  }
}

function flush(): void {
  const to = logger;
  const records = JSON.parse(native.takeLog()) as [number, boolean, string, Fields][];
  if (to === null) return;
  for (const [, isWarning, text, fields] of records) {
    const line = `sessionwire: ${text}`;
    const write = isWarning ? to.warn : to.debug;
    // `console` and its like would print a second argument.
    const said = (write.length > 1 ? [line, fields] : [line]) as [string, Fields];
    try {
      write.call(to, ...said);
    } catch (error) {
      failed(to, error);
    }
  }
}

/** Loggers that threw: each is spoken of once. */
const said = new WeakSet<Logger>();

/** Nobody waits for the log: what a logger throws would end the process. */
function failed(to: Logger, error: unknown): void {
  if (said.has(to)) return;
  said.add(to);
  warn("The logger of `setLogger` threw, and lines of the log are lost", error);
}

if (isMainThread && process.env.SESSIONWIRE_LOG?.toLowerCase() === "debug") {
  const write = (line: string) => {
    process.stderr.write(`${new Date().toISOString()} ${line}\n`);
  };
  setLogger({ debug: write, warn: write });
}
