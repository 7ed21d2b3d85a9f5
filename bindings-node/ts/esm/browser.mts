/**
 * The types of the same module for `import`. What runs is a module of its own, which bundlers for
 * browsers take as it is: bindings-node/scripts/build-browser.mjs.
 */

export * from "../cjs/browser.js";
