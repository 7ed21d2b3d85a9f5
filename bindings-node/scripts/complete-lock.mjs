// Completes package-lock.json after `npm install`: a registry that lacks the build of a tool for
// another platform makes npm leave it out of the lock file, and `npm ci` then refuses the file
// everywhere. What is added has no checksum; npm adds it where the package can be had.

import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));
const packages = lock.packages;

for (const { optionalDependencies = {} } of Object.values(packages)) {
  for (const [name, range] of Object.entries(optionalDependencies)) {
    packages[`node_modules/${name}`] ??= entry(name, range);
  }
}
lock.packages = Object.fromEntries(
  Object.entries(packages).sort(([one], [other]) => (one < other ? -1 : 1)),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);

/** What the name of a platform package, such as `tool-linux-arm64-musl`, says. */
function entry(name, range) {
  const parts =
    /-(android|darwin|freebsd|linux|openbsd|openharmony|win32)-([a-z0-9]+)(?:-(\w+))?$/.exec(name);
  const platform = parts === null ? { cpu: ["wasm32"] } : { cpu: [parts[2]] };
  const libc = parts?.[1] === "linux" && { musl: ["musl"], gnu: ["glibc"] }[parts[3]];
  return {
    version: range.replace(/^[\^~]/, ""),
    ...platform,
    dev: true,
    ...(libc ? { libc } : {}),
    optional: true,
    ...(parts === null ? {} : { os: [parts[1]] }),
  };
}
