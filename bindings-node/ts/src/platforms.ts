/**
 * Generated from the table in bindings-node/scripts/platforms.mjs, which writes this file.
 */

/** The platforms that have a native library, by the names of their packages. */
export const BUILDS = [
  "linux-x64-gnu",
  "linux-arm64-gnu",
  "linux-x64-musl",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-arm64",
  "win32-x64-msvc",
] as const;

/**
 * Loads a build: from this package, where it was built here, or from that of its platform. Each
 * `require` has a literal name and stands in a `try`, so that tools which follow the files of a
 * program (nft, `next build`, esbuild) find what is there and bear with what is not.
 */
export function open(build: (typeof BUILDS)[number], failed: (error: unknown) => void): unknown {
  switch (build) {
    case "linux-x64-gnu":
      try {
        return require("../native/sessionwire.linux-x64-gnu.node");
      } catch (error) {
        failed(error);
      }
      try {
        return require("sessionwire-linux-x64-gnu");
      } catch (error) {
        failed(error);
      }
      return undefined;
    case "linux-arm64-gnu":
      try {
        return require("../native/sessionwire.linux-arm64-gnu.node");
      } catch (error) {
        failed(error);
      }
      try {
        return require("sessionwire-linux-arm64-gnu");
      } catch (error) {
        failed(error);
      }
      return undefined;
    case "linux-x64-musl":
      try {
        return require("../native/sessionwire.linux-x64-musl.node");
      } catch (error) {
        failed(error);
      }
      try {
        return require("sessionwire-linux-x64-musl");
      } catch (error) {
        failed(error);
      }
      return undefined;
    case "linux-arm64-musl":
      try {
        return require("../native/sessionwire.linux-arm64-musl.node");
      } catch (error) {
        failed(error);
      }
      try {
        return require("sessionwire-linux-arm64-musl");
      } catch (error) {
        failed(error);
      }
      return undefined;
    case "darwin-x64":
      try {
        return require("../native/sessionwire.darwin-x64.node");
      } catch (error) {
        failed(error);
      }
      try {
        return require("sessionwire-darwin-x64");
      } catch (error) {
        failed(error);
      }
      return undefined;
    case "darwin-arm64":
      try {
        return require("../native/sessionwire.darwin-arm64.node");
      } catch (error) {
        failed(error);
      }
      try {
        return require("sessionwire-darwin-arm64");
      } catch (error) {
        failed(error);
      }
      return undefined;
    case "win32-x64-msvc":
      try {
        return require("../native/sessionwire.win32-x64-msvc.node");
      } catch (error) {
        failed(error);
      }
      try {
        return require("sessionwire-win32-x64-msvc");
      } catch (error) {
        failed(error);
      }
      return undefined;
  }
}
