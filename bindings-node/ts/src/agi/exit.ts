/**
 * Deletes sessions when the process ends, for clients with `deleteSessionsOnExit`.
 *
 * When the process exits, which also follows an uncaught error and `process.exit()`, and on the
 * signals that would end it without that. A listener of the user's own for a signal decides itself
 * when the process ends.
 */

import { isMainThread } from "node:worker_threads";
import type { NativeClient } from "../native.js";
import { atEnd } from "../shared/end.js";
import { warnNow } from "../shared/left.js";

/** Most milliseconds that the end of the process takes for this. */
const LIMIT = 5_000;
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** How many copies of this package listen to each signal: a dependency may bring another version along. */
const copies = sharedByAll();

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
    atEnd(deleteAll, true);
    // Signals reach the main thread only. First of all listeners: those of `once` are still counted.
    if (isMainThread) {
      for (const signal of SIGNALS) {
        process.prependListener(signal, onSignal);
        copies[signal] = (copies[signal] ?? 0) + 1;
      }
    }
  }
  clients.push(client);
}

function sharedByAll(): { [Signal in NodeJS.Signals]?: number } {
  const places = globalThis as { [name: symbol]: { [Signal in NodeJS.Signals]?: number } };
  const name = Symbol.for("sessionwire deletes at exit");
  places[name] ??= {};
  return places[name];
}

function onSignal(signal: NodeJS.Signals): void {
  const ours = copies[signal] ?? 1;
  const others = process.listenerCount(signal) - ours;
  if (others > 0 && others !== deferring()) return;
  deleteAll();
  // Without these listeners the signal ends the process, with the status that it would have had.
  process.removeListener(signal, onSignal);
  copies[signal] = ours - 1;
  if (ours > 1) return;
  const end = () => process.kill(process.pid, signal);
  // Those that defer see now that they are alone, clean up, and end it in the same way. In Deno, which
  // keeps to no order of listeners, they may have looked before: then they look again.
  if (others === 0) end();
  else setImmediate(end);
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
