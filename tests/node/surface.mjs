// The public names of the package, read from its types.

import { fileURLToPath } from "node:url";
import ts from "typescript-api";
import { camel } from "./helpers.mjs";

const dist = fileURLToPath(new URL("../../dist/cjs/", import.meta.url));

/** What every call takes and what the language itself asks for: no names of ours. */
const IMPLIED = new Set(["signal", "toJSON", "prototype", "__index"]);

/** Shapes of parameters, which are listed with the calls that take them, and of the wire's data. */
const SHAPES = /(Options|Changes|Match|Data|Fields|Fault|FaultFields)$|^(Scenario|Scripted)/;

/**
 * Every public name: `Class`, `Class.member`, `function`; with its parameters (those of its options
 * among them) where it is called, else null.
 */
export function surface(file = "index.d.ts") {
  const program = ts.createProgram([dist + file], {
    strict: true,
    noEmit: true,
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.NodeNext,
    types: ["node"],
  });
  const checker = program.getTypeChecker();
  const exported = checker.getExportsOfModule(
    checker.getSymbolAtLocation(program.getSourceFile(dist + file)),
  );
  const found = {};
  for (const symbol of exported) members(symbol.name, resolved(symbol));
  return found;

  function resolved(symbol) {
    return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  }

  function members(name, symbol) {
    if (symbol.flags & ts.SymbolFlags.Class) {
      const type = checker.getDeclaredTypeOfSymbol(symbol);
      const statics = checker.getTypeOfSymbol(symbol);
      const [made] = statics.getConstructSignatures();
      found[name] = isPublic(made?.declaration) && !isError(type) ? params(made) : null;
      for (const member of symbol.exports?.values() ?? []) add(name, member);
      ownMembers(name, type);
    } else if (symbol.flags & ts.SymbolFlags.TypeAlias && isOneOfSome(symbol)) {
      found[name] = null;
      const type = checker.getDeclaredTypeOfSymbol(symbol);
      for (const member of checker.getPropertiesOfType(type))
        found[`${name}.${member.name}`] = null;
    } else if (symbol.flags & ts.SymbolFlags.Interface) {
      found[name] = null;
      if (!SHAPES.test(name)) {
        for (const member of symbol.members?.values() ?? []) add(name, member);
      }
    } else if (symbol.flags & ts.SymbolFlags.Module) {
      for (const inner of checker.getExportsOfModule(symbol)) {
        members(`${name}.${inner.name}`, resolved(inner));
      }
    } else if (symbol.flags & ts.SymbolFlags.Function) {
      const [call] = checker.getTypeOfSymbol(symbol).getCallSignatures();
      found[name] = params(call);
    } else {
      found[name] = null;
    }
  }

  /** Whether it is one of some shapes that have fields in common: `A & (B | C)`. */
  function isOneOfSome(symbol) {
    const type = checker.getDeclaredTypeOfSymbol(symbol);
    return type.isUnion() && type.types.every((each) => each.isIntersection());
  }

  /** Those of a class, and of its bases that have no public name themselves. */
  function ownMembers(name, type) {
    for (const member of type.symbol.members?.values() ?? []) add(name, member);
    for (const base of type.getBaseTypes() ?? []) {
      const isOurs = base.symbol.declarations?.[0].getSourceFile().fileName.startsWith(dist);
      if (isOurs && !exported.some((each) => resolved(each) === base.symbol)) {
        ownMembers(name, base);
      }
    }
  }

  function add(owner, member) {
    const { name } = member;
    if (name.startsWith("__") || IMPLIED.has(name)) return;
    if (member.flags & ts.SymbolFlags.TypeParameter) return;
    if (!isPublic(member.declarations?.[0])) return;
    const [call] = checker.getTypeOfSymbol(member).getCallSignatures();
    const method = member.flags & ts.SymbolFlags.Method;
    found[`${owner}.${name}`] = method ? params(call) : null;
  }

  function isPublic(declaration) {
    if (declaration === undefined) return false;
    if (ts.isPrivateIdentifier(declaration.name ?? declaration)) return false;
    const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
    const internal = ts.getJSDocTags(declaration).some((tag) => tag.tagName.text === "internal");
    return !(ts.getCombinedModifierFlags(declaration) & hidden) && !internal;
  }

  function isError(type) {
    return type.getBaseTypes()?.some((base) => base.symbol.name === "Error" || isError(base));
  }

  function params(call) {
    return call.getParameters().flatMap((param) => {
      const type = checker.getNonNullableType(checker.getTypeOfSymbol(param));
      const properties = checker.getPropertiesOfType(type);
      if (!/^(options|changes|match|__\d+)$/.test(param.name)) return [param.name];
      return properties.map((property) => property.name).filter((each) => !IMPLIED.has(each));
    });
  }
}

/** The entries of the list that Node has, in its words. */
export function wanted(surfaces) {
  const found = {};
  const all = Object.assign({}, ...Object.values(surfaces));
  for (const [languages, entries] of Object.entries(surfaces)) {
    if (languages !== "everywhere" && !languages.split(", ").includes("node")) continue;
    for (const [name, params] of Object.entries(entries)) {
      found[camel(name)] = params === null ? null : [...new Set(expand(params))];
    }
  }
  return found;

  function expand(params) {
    return params
      .split(", ")
      .filter((param) => param !== "" && param !== "*")
      .flatMap((param) => {
        const [named, languages] = param.split("@");
        if (languages !== undefined && !languages.split("|").includes("node")) return [];
        if (named.startsWith("**")) return expand(all[named.slice(2)]);
        return [camel(named.split("=")[0])];
      });
  }
}
