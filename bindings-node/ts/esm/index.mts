/**
 * The same module for `import`: it re-exports the CommonJS build, so that there is one set of
 * classes in a process.
 */

export * from "../cjs/index.js";
