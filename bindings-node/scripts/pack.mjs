// Packs what was built into tarballs as they are published: the main package, and one for each platform
// whose library is in dist/native.
//
//   node bindings-node/scripts/pack.mjs [--out FOLDER] [--all]
//
// --out: where to; default: dist. --all: fails where the library of a platform is missing.

import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { PLATFORMS } from "./platforms.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const DOCUMENTS = ["LICENSE-MIT", "LICENSE-APACHE", "NOTICE", "THIRD-PARTY-LICENSES"];

/** The bill of materials, which a release has beside each library. */
const BILL = "sessionwire.cdx.json";

/** What the library is called in its package: a bundler that stumbles over it shows this name. */
const LIBRARY = "keep-sessionwire-external.node";

/** What is of use here alone. */
const OURS = ["devDependencies", "scripts", "napi"];

const at = process.argv.indexOf("--out");
const out = resolve(root, at === -1 ? "dist" : process.argv[at + 1]);
const stage = mkdtempSync(join(root, "dist/pack-"));
try {
  mkdirSync(out, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  pack(main(manifest));
  const built = PLATFORMS.filter(({ name }) => existsSync(library(name)));
  const missing = PLATFORMS.filter((platform) => !built.includes(platform));
  if (built.length === 0 || (process.argv.includes("--all") && missing.length > 0)) {
    const names = missing.map(({ name }) => name).join(", ");
    throw new Error(`dist/native has no library for ${names}: run make node-dev there first`);
  }
  for (const platform of built) pack(packageOf(platform, manifest));
} finally {
  rmSync(stage, { recursive: true, force: true });
}

/** The package that users name: all but the libraries. */
function main(manifest) {
  const folder = join(stage, "main");
  const files = manifest.files.filter((file) => !file.endsWith(".node"));
  for (const file of files) {
    cpSync(join(root, file), join(folder, file), { recursive: true });
  }
  cpSync(join(root, "bindings-node/README.md"), join(folder, "README.md"));
  const content = { ...manifest, files };
  for (const name of OURS) delete content[name];
  content.optionalDependencies = Object.fromEntries(
    PLATFORMS.map(({ name }) => [`sessionwire-${name}`, manifest.version]),
  );
  write(folder, content);
  return folder;
}

/** The package of one platform, which package managers install there alone. */
function packageOf({ name, os, cpu, libc }, manifest) {
  const folder = join(stage, name);
  mkdirSync(folder, { recursive: true });
  cpSync(library(name), join(folder, LIBRARY));
  for (const document of DOCUMENTS) cpSync(join(root, document), join(folder, document));
  const bill = library(name).replace(/node$/, "cdx.json");
  const bills = existsSync(bill) ? [BILL] : [];
  for (const file of bills) cpSync(bill, join(folder, file));
  const { version, license, repository, engines } = manifest;
  write(folder, {
    name: `sessionwire-${name}`,
    version,
    description: `The native library of sessionwire for ${name}`,
    license,
    repository,
    main: LIBRARY,
    files: [LIBRARY, ...DOCUMENTS, ...bills],
    engines,
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
  });
  writeFileSync(
    join(folder, "README.md"),
    `# sessionwire-${name}\n\nThe native library of [sessionwire](https://www.npmjs.com/package/sessionwire) for ` +
      `${name}. Install \`sessionwire\`: it brings this package along where it is needed.\n`,
  );
  return folder;
}

function library(name) {
  return join(root, "dist/native", `sessionwire.${name}.node`);
}

function write(folder, content) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(content, null, 2)}\n`);
}

function pack(folder) {
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const options = ["pack", "--silent", "--pack-destination", out];
  process.stdout.write(execFileSync(npm, options, { cwd: folder, encoding: "utf8" }));
}
