/**
 * The same module for `import`: one set of classes in a process.
 */

export * from "../cjs/ag-ui.js";
