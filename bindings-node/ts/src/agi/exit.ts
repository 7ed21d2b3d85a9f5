/**
 * Deletes sessions when the process ends, for clients with `deleteSessionsOnExit`.
 *
 * When the process exits, which also follows an uncaught error and `process.exit()`, and on the
 * signals that would end it without that. A listener of the user's own for a signal decides itself
 * when the process ends.
 */

import { isMainThread } from "node:worker_threads";
import type { NativeClient } from "../native.js";

/** Most milliseconds that the end of the process takes for this. */
const LIMIT = 5_000;
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Kept alive: the sessions of a client that is gone are still to be deleted. */
const clients: NativeClient[] = [];
let installed = false;

/**
 * Deletes what this client created and did not delete when the process ends.
 * @internal
 */
export function watch(client: NativeClient): void {
  if (!installed) {
    installed = true;
    process.on("exit", deleteAll);
    // Signals reach the main thread only. First of all listeners: those of `once` are still counted.
    if (isMainThread) for (const signal of SIGNALS) process.prependListener(signal, onSignal);
  }
  clients.push(client);
}

function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  deleteAll();
  // Without this listener the signal ends the process, with the status that it would have had.
  process.removeListener(signal, onSignal);
  process.kill(process.pid, signal);
}

function deleteAll(): void {
  // Blocking, on purpose: nothing asynchronous happens any more.
  const begun = clients.splice(0).map((client) => client.deleteCreatedSessions(LIMIT));
  for (const deletion of begun) {
    for (const [sessionId, why] of JSON.parse(deletion.wait()) as [string, string][]) {
      const warning = new Error(
        `The session ${sessionId} could not be deleted at exit and may go on costing: ${why}`,
      );
      warning.name = "SessionwireWarning";
      // As `emitWarning` does it, but now: there is no next tick.
      process.emit("warning", warning);
    }
  }
}
