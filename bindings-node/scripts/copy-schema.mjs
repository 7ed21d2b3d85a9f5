// Puts the scenarios' JSON Schema and the skill for coding agents into the package.

import { copyFileSync, mkdirSync } from "node:fs";

const root = new URL("../../", import.meta.url);
copyFileSync(
  new URL("emulator/scenario.schema.json", root),
  new URL("dist/scenario.schema.json", root),
);
mkdirSync(new URL("dist/skills/sessionwire/", root), { recursive: true });
copyFileSync(
  new URL("bindings-python/python/sessionwire/skills/sessionwire/SKILL.md", root),
  new URL("dist/skills/sessionwire/SKILL.md", root),
);
