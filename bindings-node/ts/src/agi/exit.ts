/**
 * Deletes sessions when the process ends, for clients with `deleteSessionsOnExit`.
 *
 * When the process exits, which also follows an uncaught error and `process.exit()`, and on the
 * signals that would end it without that. A listener of the user's own for a signal decides itself
 * when the process ends.
 */

import { isMainThread } from "node:worker_threads";
import type { NativeClient } from "../native.js";
import { warnNow } from "../shared/left.js";

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
    // Before the wait for what goes on: that ends what creates sessions.
    process.prependListener("exit", deleteAll);
    // Signals reach the main thread only. First of all listeners: those of `once` are still counted.
    if (isMainThread) for (const signal of SIGNALS) process.prependListener(signal, onSignal);
  }
  clients.push(client);
}

function onSignal(signal: NodeJS.Signals): void {
  const others = process.listenerCount(signal) - 1;
  if (others > 0 && others !== deferring()) return;
  deleteAll();
  // Without this listener the signal ends the process, with the status that it would have had.
  process.removeListener(signal, onSignal);
  // Those that defer see now that they are alone, and end it in the same way.
  if (others === 0) process.kill(process.pid, signal);
}

/**
 * How many listeners for each signal end the process as soon as nobody else listens: those of the
 * package `signal-exit`, which many a spinner and lock file brings along. Each of its copies counts
 * here, so that its other copies, and we, can tell.
 */
function deferring(): number {
  const third = (process as { __signal_exit_emitter__?: { count?: unknown } })
    .__signal_exit_emitter__;
  const fourth = (globalThis as { [name: symbol]: { count?: unknown } | undefined })[
    Symbol.for("signal-exit emitter")
  ];
  return [third?.count, fourth?.count].reduce<number>(
    (sum, count) => sum + (typeof count === "number" ? count : 0),
    0,
  );
}

function deleteAll(): void {
  // Blocking, on purpose: nothing asynchronous happens any more.
  const begun = clients.splice(0).map((client) => client.deleteCreatedSessions(LIMIT));
  for (const deletion of begun) {
    for (const [sessionId, why] of JSON.parse(deletion.wait()) as [string, string][]) {
      warnNow(
        `The session ${sessionId} could not be deleted at exit and may go on costing: ${why}`,
      );
    }
  }
}
