// The reference of Node and TypeScript, from the types and comments in the sources; printed as Markdown.

import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript-api";

const root = fileURLToPath(new URL("../../", import.meta.url));
const sources = `${root}bindings-node/ts/src/`;
const ENTRIES = [
  ["sessionwire", "index.ts"],
  ["sessionwire/testing", "testing.ts"],
  ["sessionwire/browser", "browser.ts"],
  ["sessionwire/ag-ui", "ag-ui.ts"],
];
const { SymbolFlags, ModifierFlags } = ts;

const config = ts.readConfigFile(`${root}bindings-node/tsconfig.json`, ts.sys.readFile).config;
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, sources);
const program = ts.createProgram(
  ENTRIES.map(([, file]) => sources + file),
  { ...options, noEmit: true, lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"] },
);
const checker = program.getTypeChecker();

function comment(node) {
  const [doc] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).slice(-1);
  if (!doc) return "";
  const parts = [ts.getTextOfJSDocComment(doc.comment) ?? ""];
  for (const tag of doc.tags ?? []) {
    const text = ts.getTextOfJSDocComment(tag.comment) ?? "";
    const name = tag.tagName.text;
    if (name === "example") parts.push(text.includes("```") ? text : `\`\`\`ts\n${text}\n\`\`\``);
    else if (name === "throws") parts.push(`Throws: ${text}`);
    else if (name === "param") parts.push(`\`${tag.name.getText()}\`: ${text}`);
    else if (name === "returns") parts.push(`Returns: ${text}`);
    else if (name === "deprecated") parts.push(`Deprecated. ${text}`);
  }
  return parts.join("\n\n").replace(/\{@link (\w+)\}/g, "`$1`");
}

function isHidden(node) {
  const modifiers = ts.getCombinedModifierFlags(node);
  if (modifiers & (ModifierFlags.Private | ModifierFlags.Protected)) return true;
  if (node.name && (ts.isPrivateIdentifier(node.name) || ts.isComputedPropertyName(node.name)))
    return true;
  return ts.getJSDocTags(node).some((tag) => tag.tagName.text === "internal");
}

/** The head of a declaration, without its body. */
function head(node) {
  const file = node.getSourceFile();
  const end = node.body ? node.body.getStart(file) : node.getEnd();
  const text = file.text.slice(node.getStart(file, false), end).trim();
  return text
    .replace(/^(export|public|async|declare|default)\s+/g, "")
    .replace(/^(export|async)\s+/g, "")
    .replace(/\s*;$/, "")
    .replace(/\n {2}/g, "\n");
}

const cell = (text) => text.replace(/\s+/g, " ").trim().replace(/\|/g, "\\|").replace(/</g, "&lt;");
const code = (text) => `\`${text.replace(/\s+/g, " ").replace(/\|/g, "\\|")}\``;

function members(node, name, anchor) {
  const fields = [];
  const methods = new Map();
  for (const member of node.members ?? []) {
    if (isHidden(member) || !member.name) {
      if (!ts.isConstructorDeclaration(member) || isHidden(member)) continue;
    }
    const isMethod =
      ts.isMethodDeclaration(member) ||
      ts.isMethodSignature(member) ||
      ts.isConstructorDeclaration(member);
    const called = ts.isConstructorDeclaration(member) ? "constructor" : member.name.getText();
    if (isMethod) methods.set(called, [...(methods.get(called) ?? []), member]);
    else if (!ts.isSetAccessor(member)) fields.push([called, member]);
  }
  const lines = [];
  if (fields.length > 0) {
    lines.push("| name | type | is |", "|---|---|---|");
    for (const [called, member] of fields) {
      const type = member.type
        ? member.type.getText()
        : checker.typeToString(checker.getTypeAtLocation(member));
      const mark = member.questionToken ? "?" : "";
      lines.push(`| \`${called}${mark}\` | ${code(type)} | ${cell(comment(member))} |`);
    }
    lines.push("");
  }
  for (const [called, all] of methods) {
    const shown = all.length > 1 ? all.filter((one) => !one.body) : all;
    lines.push(`#### \`${name}.${called}\` { #${anchor}-${called.toLowerCase()} }`, "");
    lines.push("```ts", ...(shown.length > 0 ? shown : all).map(head), "```", "");
    const about = all.map(comment).find((text) => text !== "");
    if (about) lines.push(about, "");
  }
  return lines;
}

function described(name, symbol, prefix) {
  const anchor = `${prefix}${name}`.toLowerCase().replace(/\W+/g, "-");
  const lines = [`### \`${name}\` { #${anchor} }`, ""];
  const declarations = symbol.declarations.filter((node) => !isHidden(node));
  const about = declarations.map(comment).find((text) => text !== "");
  if (about) lines.push(about, "");
  for (const node of declarations) {
    if (ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) {
      const bases = (node.heritageClauses ?? []).map((clause) => clause.getText());
      if (bases.length > 0) lines.push(`\`${bases.join(" ")}\``, "");
      lines.push(...members(node, name, anchor));
    } else if (ts.isFunctionDeclaration(node)) {
      if (node.body && declarations.length > 1) continue;
      lines.push("```ts", head(node), "```", "");
    } else if (ts.isTypeAliasDeclaration(node)) {
      lines.push("```ts", head(node), "```", "");
    } else if (ts.isVariableDeclaration(node)) {
      const type = checker.typeToString(checker.getTypeAtLocation(node));
      lines.push("```ts", `const ${name}: ${type}`, "```", "");
    }
  }
  return lines;
}

function exported(module) {
  return checker.getExportsOfModule(module).map((symbol) => {
    const aimed = symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return [symbol.name, aimed];
  });
}

const rank = (symbol) => {
  if (symbol.flags & SymbolFlags.Class) return symbol.name.endsWith("Error") ? 2 : 0;
  if (symbol.flags & SymbolFlags.Function) return 1;
  return 3;
};
const TITLES = ["Classes", "Functions", "Errors", "Types"];

const lines = [
  "# Node and TypeScript",
  "",
  "Every public name of the npm package, from the sources: its type, and what it says of itself. Times are in",
  "milliseconds. [Quickstart](../quickstart.md) shows how they go together.",
  "",
];
for (const [entry, file] of ENTRIES) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(sources + file));
  if (!module) throw new Error(`${relative(root, sources + file)} exports nothing`);
  const prefix = entry === "sessionwire" ? "" : `${entry.split("/")[1]}-`;
  const found = [];
  const visit = (name, symbol) => {
    const declaration = symbol.declarations?.find((node) =>
      node.getSourceFile().fileName.startsWith(sources),
    );
    if (!declaration) return;
    if (ts.isSourceFile(declaration)) {
      for (const [inner, aimed] of exported(symbol)) visit(`${name}.${inner}`, aimed);
    } else if (!isHidden(declaration)) found.push([name, symbol]);
  };
  for (const [name, symbol] of exported(module)) visit(name, symbol);
  const groups = entry === "sessionwire" ? TITLES : [undefined];
  for (const [at, title] of groups.entries()) {
    const heading = title ?? `From \`${entry}\``;
    lines.push(`## ${heading}`, "");
    const these = found.filter(([, symbol]) => title === undefined || rank(symbol) === at);
    these.sort(([a], [b]) => a.localeCompare(b));
    for (const [name, symbol] of these) lines.push(...described(name, symbol, prefix));
  }
}
process.stdout.write(`${lines.join("\n")}\n`);
