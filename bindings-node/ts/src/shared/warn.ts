/**
 * Warnings: what went wrong where nothing can be thrown.
 */

/** @internal */
export function warn(what: string, error: unknown): void {
  const why = error instanceof Error ? error.message : String(error);
  process.emitWarning(`${what}: ${why}`, { type: "SessionwireWarning" });
}
