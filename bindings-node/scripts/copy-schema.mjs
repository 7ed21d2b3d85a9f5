// Puts the scenarios' JSON Schema into the package.

import { copyFileSync } from "node:fs";

copyFileSync(
  new URL("../../emulator/scenario.schema.json", import.meta.url),
  new URL("../../dist/scenario.schema.json", import.meta.url),
);
