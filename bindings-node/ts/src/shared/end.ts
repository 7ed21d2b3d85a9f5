/**
 * The end of the process, or of a worker.
 */

/** What Deno has, and the types of Node do not. */
interface Listened {
  addEventListener(type: string, listener: typeof onUncaught): void;
}

const works: (() => void)[] = [];

/**
 * Does this when the process, or the worker, exits; `first`: before what was asked for until now.
 * @internal
 */
export function atEnd(work: () => void, first = false): void {
  if (works.length === 0) {
    process.prependListener("exit", end);
    // Deno has no `exit` after an error that nobody caught.
    if ("Deno" in globalThis) {
      const { addEventListener } = globalThis as unknown as Listened;
      for (const type of ["error", "unhandledrejection"]) addEventListener(type, onUncaught);
    }
  }
  if (first) works.unshift(work);
  else works.push(work);
}

function end(): void {
  for (const work of works) work();
}

/** Whoever listens to such errors decides whether the process goes on. */
function onUncaught(event: { readonly defaultPrevented: boolean }): void {
  const others = ["uncaughtException", "unhandledRejection"].some(
    (name) => process.listenerCount(name) > 0,
  );
  if (!event.defaultPrevented && !others) end();
}
