// A ledger, and what `reap` makes of it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { Agi, ConfigError, Emulator } from "sessionwire";
import { cases, failure, programFile } from "./helpers.mjs";

function folder(t) {
  const path = mkdtempSync(join(tmpdir(), "sessionwire-ledger-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const locks = (ledger) => readdirSync(`${ledger}.owners`).filter((name) => name.endsWith(".lock"));

/** The ledger as it is found when its process has died. */
function asIfDead({ lock = "dead", append = [] }, original) {
  if (lock === "held") return original;
  const copy = `${original}-copy`;
  writeFileSync(copy, readFileSync(original, "utf8") + append.join(""));
  if (lock === "dead") {
    mkdirSync(`${copy}.owners`);
    for (const name of locks(original)) writeFileSync(join(`${copy}.owners`, name), "");
  }
  return copy;
}

async function take(step, emulator, client, created) {
  switch (step) {
    case "create":
      created.push(await client.sessions.create());
      break;
    case "lost":
    case "refused": {
      emulator.fail({ on: "create", status: step === "lost" ? 500 : 403 });
      const error = await failure(() => client.sessions.create());
      assert.equal(error.maybeDelivered, step === "lost");
      break;
    }
    case "send":
      await created.at(-1).sendMessage("go");
      break;
    case "cancel":
      await created.at(-1).cancel();
      break;
    case "release":
      await client.sessions.release(created.at(-1).sessionId);
      break;
    case "delete":
      await created[0].delete();
      break;
    default:
      assert.fail(step);
  }
}

function check(reports, expected, created) {
  assert.equal(reports.length, expected.length, JSON.stringify(reports));
  for (const [at, report] of reports.entries()) {
    const { outcome, session, working = false, error = null } = expected[at];
    assert.equal(report.outcome, outcome);
    assert.equal(report.sessionId, session === null ? null : created[session].sessionId);
    assert.equal(report.agentName, "agi-0");
    assert.ok(report.createdAt instanceof Date);
    assert.equal(report.working, working);
    assert.equal(report.error?.name ?? null, error);
  }
}

for (const one of cases("ledger.json")) {
  test(one.id, async (t) => {
    const original = join(folder(t), "ledger");
    const emulator = await Emulator.start({
      stepDelay: 1,
      browser: "builtin",
      apiKeys: ["first", "other"],
    });
    const client = (apiKey, ledger) =>
      new Agi({ baseUrl: emulator.url, apiKey, ledger, maxRetries: 0 });
    const creator = client("first", original);
    const created = [];
    for (const step of one.steps) await take(step, emulator, creator, created);
    const left = asIfDead(one, original);
    for (const fault of one.faults ?? []) emulator.fail(fault);
    const reaper = client(one.key ?? "first", left);
    try {
      const { older_than: age } = one.options ?? {};
      for (const name of ["reports", "again"]) {
        const options = age === undefined ? {} : { olderThan: age * 1000 };
        check(await reaper.sessions.reap(options), one[name] ?? [], created);
      }
      assert.equal(emulator.sessionCount, one.sessions);
      assert.equal(readFileSync(left, "utf8") === "", one.empty);
    } finally {
      await creator.close();
      await reaper.close();
      await emulator.close();
    }
  });
}

test("g05 what a killed process left is deleted, and nothing of one that lives", async (t) => {
  const ledger = join(folder(t), "ledger");
  const emulator = await Emulator.start({ browser: "builtin" });
  const program = `
    const { Agi } = await import("sessionwire");
    console.log((await new Agi().sessions.create()).sessionId);
    process.stdin.resume();
  `;
  const start = async () => {
    const child = spawn(process.execPath, [programFile(program)], {
      env: {
        ...process.env,
        AGI_API_KEY: emulator.apiKey,
        AGI_BASE_URL: emulator.url,
        SESSIONWIRE_LEDGER: ledger,
      },
      stdio: ["pipe", "pipe", "inherit"],
    });
    for await (const line of createInterface(child.stdout)) {
      return { sessionId: line, child };
    }
  };
  const end = (child) =>
    new Promise((resolve) => {
      child.once("exit", resolve);
      child.kill("SIGKILL");
    });
  const [killed, living] = await Promise.all([start(), start()]);
  const client = emulator.agi({ ledger });
  const reaped = async () => (await client.sessions.reap()).map((report) => report.sessionId);
  try {
    await end(killed.child);
    assert.deepEqual(await reaped(), [killed.sessionId]);
    assert.equal(emulator.sessionCount, 1);
    await end(living.child);
    assert.deepEqual(await reaped(), [living.sessionId]);
    assert.equal(emulator.sessionCount, 0);
  } finally {
    await client.close();
    await emulator.close();
  }
});

test("g08 a ledger that is of no use is refused", async (t) => {
  const path = folder(t);
  assert.throws(() => new Agi({ apiKey: "key", ledger: path }), /it is a folder/);
  assert.throws(() => new Agi({ apiKey: "key", ledger: join(path, "a", "b") }), /does not exist/);
  const emulator = await Emulator.start({ browser: "builtin" });
  const client = emulator.agi();
  try {
    const error = await failure(() => client.sessions.reap());
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /SESSIONWIRE_LEDGER/);
  } finally {
    await client.close();
    await emulator.close();
  }
});
