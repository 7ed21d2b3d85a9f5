/**
 * `Symbol.asyncDispose`, which the first releases of Node 20 lack.
 */

if (Symbol.asyncDispose === undefined) {
  Object.defineProperty(Symbol, "asyncDispose", { value: Symbol("Symbol.asyncDispose") });
}

export {};
