// The service of the long runs, as a process of its own, and what they measure.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));
const program = join(
  process.env.CARGO_TARGET_DIR ?? join(root, "target"),
  "debug/sessionwire-soak",
);

/** The lines that a process prints, one at a time. */
export async function* lines(child) {
  for await (const line of createInterface({ input: child.stdout })) yield line;
}

/** The service, and what it could send. */
export async function startService() {
  if (!existsSync(program)) {
    throw new Error(`${program} is missing. Build it with \`make chaos-dev\`, then try again.`);
  }
  const child = spawn(program, ["serve"], { stdio: ["pipe", "pipe", "inherit"] });
  const said = lines(child);
  return {
    url: (await said.next()).value,
    async flooded() {
      child.stdin.write("\n");
      return Number((await said.next()).value);
    },
    async close() {
      child.stdin.end();
      await once(child, "exit");
    },
  };
}

export function say(text, over = false) {
  console.log(`node: ${text}${over ? "  <- OVER THE LIMIT" : ""}`);
  if (over) process.exitCode = 1;
}

export const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
export const descriptors = () => readdirSync("/dev/fd").length;

/** The memory of this process, its garbage collected where that is possible. */
export function resident() {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}
