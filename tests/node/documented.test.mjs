// Every public member of the package says what it is.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import ts from "typescript-api";
import { root } from "./helpers.mjs";

const ENTRIES = ["index", "testing", "browser", "ag-ui"].map((name) =>
  join(root, `dist/cjs/${name}.d.ts`),
);
const { SymbolFlags, ModifierFlags } = ts;

/** The names without a description, and how many names there are. */
function undocumented() {
  const program = ts.createProgram(ENTRIES, { noEmit: true, skipLibCheck: true, types: [] });
  const checker = program.getTypeChecker();
  const seen = new Set();
  const missing = [];

  function note(name, symbol) {
    const described = symbol.declarations.some(
      (declaration) => ts.getJSDocCommentsAndTags(declaration).length > 0,
    );
    if (!described && !(symbol.flags & SymbolFlags.Module)) missing.push(name);
  }

  function isPublic({ name, flags, declarations }) {
    const [declaration] = declarations ?? [];
    if (declaration === undefined || name.startsWith("__") || flags & SymbolFlags.TypeParameter) {
      return false;
    }
    const named = declaration.name;
    if (named && (ts.isPrivateIdentifier(named) || ts.isComputedPropertyName(named))) return false;
    const hidden = ModifierFlags.Private | ModifierFlags.Protected;
    return !(ts.getCombinedModifierFlags(declaration) & hidden);
  }

  function visit(name, symbol) {
    const isOurs = symbol.declarations?.[0].getSourceFile().fileName.includes("dist/cjs/");
    if (!isOurs || seen.has(symbol)) return;
    seen.add(symbol);
    note(name, symbol);
    if (symbol.flags & SymbolFlags.Module) {
      for (const inner of exportsOf(symbol)) visit(`${name}.${inner.name}`, inner.aimed);
      return;
    }
    const statics = symbol.flags & SymbolFlags.Class ? (symbol.exports?.values() ?? []) : [];
    for (const member of [...(symbol.members?.values() ?? []), ...statics]) {
      if (!isPublic(member)) continue;
      seen.add(member);
      note(`${name}.${member.name}`, member);
    }
  }

  function exportsOf(module) {
    return checker.getExportsOfModule(module).map((symbol) => {
      const { name } = symbol;
      const aimed = symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      return { name, aimed };
    });
  }

  for (const entry of ENTRIES) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry));
    for (const { name, aimed } of exportsOf(module)) visit(name, aimed);
  }
  return { missing, count: seen.size };
}

test("every public member is described", () => {
  const { missing, count } = undocumented();
  assert.ok(count > 900, String(count));
  assert.deepEqual(missing, [], "Say in a comment /** ... */ what each of these is");
});
