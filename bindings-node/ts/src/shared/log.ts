/**
 * The log: what the client does, for debugging.
 */

import { isMainThread } from "node:worker_threads";
import { native } from "../native.js";
import { warn } from "./warn.js";

/** Where log lines go: `console`, pino, winston, or your own. */
export interface Logger {
  /** What helps to find a fault. */
  debug(message: string): void;
  /** What somebody should look at. */
  warn(message: string): void;
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
    process.on("exit", flush);
  }
}

function flush(): void {
  const to = logger;
  const records = JSON.parse(native.takeLog()) as [number, boolean, string][];
  if (to === null) return;
  for (const [, isWarning, text] of records) {
    const line = `sessionwire: ${text}`;
    try {
      if (isWarning) to.warn(line);
      else to.debug(line);
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
