// Every public name and parameter is in tests/contract/api-surface.json, and the other way.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { surface, wanted } from "./surface.mjs";

const ADVICE = "tests/contract/api-surface.json and the types differ; see CONTRIBUTING.md";
const list = new URL("../contract/api-surface.json", import.meta.url);
const listed = wanted(JSON.parse(readFileSync(list, "utf8")).surface);
const found = surface();

test("the public names are those of the list", () => {
  const missing = Object.entries(found).filter(([name]) => !(name in listed));
  const lines = missing.map(
    ([name, params]) => `"${name}": ${params === null ? null : `"${params.join(", ")}"`}`,
  );
  assert.deepEqual(lines, [], `${ADVICE}. Add, in snake_case:\n${lines.join(",\n")}\n`);
  const gone = Object.keys(listed).filter((name) => !(name in found));
  assert.deepEqual(gone, [], `${ADVICE}. These are not there: ${gone}`);
});

test("the parameters are those of the list", () => {
  for (const [name, params] of Object.entries(found)) {
    const expected = listed[name] ?? null;
    // A class that Node starts or gets otherwise has no constructor of its own.
    if (params === null && !name.includes(".")) continue;
    assert.deepEqual(
      params?.toSorted() ?? null,
      expected?.toSorted() ?? null,
      `${ADVICE}: ${name}`,
    );
  }
});
