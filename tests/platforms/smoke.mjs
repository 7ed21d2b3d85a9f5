// What an installed npm package must do on every system: a task, a question, a cut stream, both module
// systems, the command line, and an end of the process without being told.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Agi, Emulator } from "sessionwire";

const require = createRequire(import.meta.url);
assert.equal(require("sessionwire").Agi, Agi);

const emulator = await Emulator.start();
const client = emulator.agi();
emulator.fail({ on: "events", cut_after: 7 });
const session = await client.sessions.create({ agentName: "agi-0" });
const answered = await session.runTask("Ask me for a colour", { onQuestion: () => "green" });
assert.match(answered.text, /green/);
const task = await session.startTask("Compare: blue mug 12.50 EUR, green mug 9.90 EUR");
const ids = [];
for await (const event of task) ids.push(event.id);
assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b));
assert.ok((await task.result()).data.prices);
await session.delete();
assert.deepEqual(await client.sessions.list(), []);
await client.close();
await emulator.close();

const manifest = require.resolve("sessionwire/package.json");
const program = join(dirname(manifest), require(manifest).bin.sessionwire);
const shown = execFileSync(process.execPath, [program, "--version"], { encoding: "utf8" });
console.log(`${shown.trim()} on Node ${process.version}, ${process.platform} ${process.arch}`);
console.log("1 passed, 0 failed");
