// The one table of the platforms that have a native library, and what follows from it:
//
//   node bindings-node/scripts/platforms.mjs           writes src/platforms.ts, and the targets of package.json
//   node bindings-node/scripts/platforms.mjs --check   fails where they are out of date

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** By the names of the platform packages, as `process.platform`, `process.arch` and npm have them. */
export const PLATFORMS = [
  {
    name: "linux-x64-gnu",
    target: "x86_64-unknown-linux-gnu",
    os: "linux",
    cpu: "x64",
    libc: "glibc",
  },
  {
    name: "linux-arm64-gnu",
    target: "aarch64-unknown-linux-gnu",
    os: "linux",
    cpu: "arm64",
    libc: "glibc",
  },
  {
    name: "linux-x64-musl",
    target: "x86_64-unknown-linux-musl",
    os: "linux",
    cpu: "x64",
    libc: "musl",
  },
  {
    name: "linux-arm64-musl",
    target: "aarch64-unknown-linux-musl",
    os: "linux",
    cpu: "arm64",
    libc: "musl",
  },
  { name: "darwin-x64", target: "x86_64-apple-darwin", os: "darwin", cpu: "x64" },
  { name: "darwin-arm64", target: "aarch64-apple-darwin", os: "darwin", cpu: "arm64" },
  { name: "win32-x64-msvc", target: "x86_64-pc-windows-msvc", os: "win32", cpu: "x64" },
];

const root = new URL("../../", import.meta.url);

/** The module that loads the library: literal names only, for tools that follow them. */
function source() {
  const cases = PLATFORMS.map(
    ({ name }) => `    case "${name}":
      try {
        return require("../native/sessionwire.${name}.node");
      } catch (error) {
        failed(error);
      }
      try {
        return require("sessionwire-${name}");
      } catch (error) {
        failed(error);
      }
      return undefined;
`,
  );
  return `/**
 * Generated from the table in bindings-node/scripts/platforms.mjs, which writes this file.
 */

/** The platforms that have a native library, by the names of their packages. */
export const BUILDS = [
${PLATFORMS.map(({ name }) => `  "${name}",`).join("\n")}
] as const;

/**
 * Loads a build: from this package, where it was built here, or from that of its platform. Each
 * \`require\` has a literal name and stands in a \`try\`, so that tools which follow the files of a
 * program (nft, \`next build\`, esbuild) find what is there and bear with what is not.
 */
export function open(build: (typeof BUILDS)[number], failed: (error: unknown) => void): unknown {
  switch (build) {
${cases.join("")}  }
}
`;
}

/** The whole of package.json, with the targets of the table. */
function manifest(text) {
  const content = JSON.parse(text);
  content.napi.targets = PLATFORMS.map(({ target }) => target);
  return `${JSON.stringify(content, null, 2)}\n`;
}

function main() {
  const module = new URL("bindings-node/ts/src/platforms.ts", root);
  const packaged = new URL("package.json", root);
  const wanted = [
    [module, source()],
    [packaged, manifest(readFileSync(packaged, "utf8"))],
  ];
  const read = (file) => {
    try {
      return readFileSync(file, "utf8");
    } catch {
      return "";
    }
  };
  const stale = wanted.filter(([file, text]) => read(file) !== text);
  if (process.argv.includes("--check")) {
    for (const [file] of stale) {
      console.error(`${fileURLToPath(file)} is out of date: run make generate`);
    }
    process.exitCode = stale.length > 0 ? 1 : 0;
    return;
  }
  for (const [file, text] of stale) writeFileSync(file, text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
