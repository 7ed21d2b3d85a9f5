// Writes the lock files of this repository, complete and without the address of a registry.
//
//   node bindings-node/scripts/complete-lock.mjs [FOLDER...]     FOLDER: only these
//
// A registry that lacks the build of a tool for another platform makes npm leave it out of the lock
// file, and `npm ci` then refuses the file everywhere. What is added has no checksum; npm adds it
// where the package can be had.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folders that have a package.json of their own. */
export const LOCKED = [
  ".",
  "bench/node",
  "tests/bundlers",
  "tests/frameworks/node",
  "tests/mcp/node",
  "tests/packaging",
  "tests/runtimes",
];

const root = fileURLToPath(new URL("../../", import.meta.url));

/** What the name of a platform package, such as `tool-linux-arm64-musl`, says. */
function entry(name, range, dev) {
  const parts =
    /-(android|darwin|freebsd|linux|openbsd|openharmony|win32)-([a-z0-9]+)(?:-(\w+))?$/.exec(name);
  const platform = parts === null ? { cpu: ["wasm32"] } : { cpu: [parts[2]] };
  const libc = parts?.[1] === "linux" && { musl: ["musl"], gnu: ["glibc"] }[parts[3]];
  return {
    version: range.replace(/^[\^~]/, ""),
    ...platform,
    ...(dev ? { dev: true } : {}),
    ...(libc ? { libc } : {}),
    optional: true,
    ...(parts === null ? {} : { os: [parts[1]] }),
  };
}

function complete(file) {
  const lock = JSON.parse(readFileSync(file, "utf8"));
  const packages = lock.packages;
  for (const { optionalDependencies = {}, dev } of Object.values(packages)) {
    for (const [name, range] of Object.entries(optionalDependencies)) {
      packages[`node_modules/${name}`] ??= entry(name, range, dev);
    }
  }
  for (const each of Object.values(packages)) {
    if (/^https?:/.test(each.resolved ?? "")) delete each.resolved;
  }
  lock.packages = Object.fromEntries(
    Object.entries(packages).sort(([one], [other]) => (one < other ? -1 : 1)),
  );
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
}

function main(folders) {
  for (const folder of folders.length > 0 ? folders : LOCKED) {
    const cwd = join(root, folder);
    const options = ["--package-lock-only", "--no-audit", "--no-fund", "--loglevel=error"];
    execFileSync("npm", ["install", ...options], { cwd, stdio: "inherit" });
    complete(join(cwd, "package-lock.json"));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
