/**
 * The end of a client or the process: sessions that nobody took are deleted, or told.
 */

import { isMainThread } from "node:worker_threads";
import { native } from "../native.js";
import { atEnd } from "./end.js";

/** Most milliseconds that the end of a client, or of the process, takes for this. */
const LIMIT = 5_000;
let watching = false;

/** What ends of a native client. */
interface Ending {
  close(): void;
  settle(milliseconds: number): Promise<string> | null;
}

/**
 * Ends a client's calls at once, and waits for what must not be left: a create that was under way,
 * and the delete of its session.
 * @internal
 */
export async function close(client: Ending): Promise<void> {
  client.close();
  const settling = client.settle(LIMIT);
  if (settling === null) return;
  for (const text of JSON.parse(await settling) as string[]) {
    process.emitWarning(text, { type: "SessionwireWarning" });
  }
}

/**
 * Waits for the same when the process, or the worker, exits. In the main thread also for workers
 * that were terminated, which have no exit of their own.
 * @internal
 */
export function settleAtExit(): void {
  if (watching) return;
  watching = true;
  atEnd(settleAll);
}

if (isMainThread) settleAtExit();

function settleAll(): void {
  // Blocking, on purpose: nothing asynchronous happens any more.
  const lists = JSON.parse(native.settleAll(LIMIT)) as string[][];
  for (const text of lists.flat()) warnNow(text);
}

/**
 * As `emitWarning` does it, but at once: at the exit there is no next tick.
 * @internal
 */
export function warnNow(text: string): void {
  const warning = new Error(text);
  warning.name = "SessionwireWarning";
  process.emit("warning", warning);
}
