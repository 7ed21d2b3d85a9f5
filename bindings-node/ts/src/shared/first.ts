/**
 * What JavaScript is told before the promises that are settled with it: lines of the log, and the
 * tasks of an emulator's agent. The event loop would come to them after the promises.
 */

import { native } from "../native.js";

const takers = new Set<() => void>();

/**
 * Calls `take` before promises are settled, until it is removed. It throws nothing.
 * @internal
 */
export function takeFirst(take: () => void): void {
  if (takers.size === 0) native.tellBeforePromises(takeAll);
  takers.add(take);
}

/** @internal */
export function takeNoMore(take: () => void): void {
  takers.delete(take);
}

function takeAll(): void {
  for (const take of takers) take();
}
