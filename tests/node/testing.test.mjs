// The helpers of `sessionwire/testing`, with node:test itself and with vitest.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { inspect } from "node:util";
import { Agi, Emulator, Raccoon } from "sessionwire";
import * as testing from "sessionwire/testing";
import ts from "typescript-api";
import { node, root, using } from "./helpers.mjs";

const { useEmulator, withEmulator } = testing;
const require = createRequire(import.meta.url);

/** What an application does: no word of an emulator. */
async function application() {
  return using(new Agi(), async (client) => (await client.runTask("Say hello")).text);
}

const hello = { tasks: [{ steps: [{ done: "Hello" }] }] };

describe("useEmulator", () => {
  process.env.AGI_BASE_URL = "http://127.0.0.1:1";
  delete process.env.AGI_API_KEY;
  const emulator = useEmulator({ beforeEach, afterEach }, { scenario: hello });
  afterEach(() => {
    assert.equal(process.env.AGI_BASE_URL, "http://127.0.0.1:1");
    assert.ok(!("AGI_API_KEY" in process.env));
  });

  for (const round of ["one", "two"]) {
    test(`gives each test its own: ${round}`, async () => {
      assert.deepEqual(emulator.requests(), []);
      assert.equal(await application(), "Hello");
      assert.equal(emulator.assertRequested({ method: "POST" }).length, 2);
      assert.equal(process.env.AGI_BASE_URL, emulator.url);
      assert.ok(emulator instanceof Emulator);
      assert.equal(emulator.sessionCount, 0);
      assert.match(inspect(emulator), /^Emulator \{ url: 'http/);
      assert.ok("url" in emulator);
      assert.equal(await emulator, emulator);
    });
  }

  test("says when there is none", () => {
    const hooks = { beforeEach() {}, afterEach() {} };
    const idle = useEmulator(hooks);
    assert.throws(() => idle.url, /only while a test runs: use it inside of test\(\)/);
    assert.equal(inspect(idle), "Emulator (no test runs)");
  });

  test("refuses two tests at once", async () => {
    const hooks = {};
    const keep = (name) => (hook) => {
      hooks[name] = hook;
    };
    useEmulator({ beforeEach: keep("before"), afterEach: keep("after") });
    await hooks.before();
    await assert.rejects(hooks.before(), /another test is still there.*withEmulator/);
    await hooks.after();
    assert.equal(process.env.AGI_BASE_URL, emulator.url);
  });

  test("reports sessions that were left behind", async () => {
    const hooks = {};
    const keep = (name) => (hook) => {
      hooks[name] = hook;
    };
    const strict = useEmulator(
      { beforeEach: keep("before"), afterEach: keep("after") },
      { strictCleanup: true },
    );
    await hooks.before();
    await using(new Agi(), (client) => client.sessions.create());
    assert.equal(strict.sessionCount, 1);
    await assert.rejects(hooks.after(), /left 1 session behind\. .*await using/);
    await hooks.before();
    await hooks.after();
  });
});

describe("withEmulator", () => {
  test("gives what the work gives, and puts the environment back", async () => {
    process.env.AGI_API_KEY = "before";
    const text = await withEmulator({ scenario: hello, apiKeys: ["mine"] }, async (emulator) => {
      assert.equal(process.env.AGI_BASE_URL, emulator.url);
      assert.equal(process.env.AGI_API_KEY, "mine");
      return application();
    });
    assert.equal(text, "Hello");
    assert.equal(process.env.AGI_API_KEY, "before");
    delete process.env.AGI_API_KEY;
  });

  test("an error of the work comes first", async () => {
    let kept;
    const work = withEmulator({ strictCleanup: true }, async (emulator) => {
      kept = emulator.agi();
      await kept.sessions.create();
      throw new Error("mine");
    });
    await assert.rejects(work, { message: "mine" });
    await kept.close();
    const leaving = withEmulator({ strictCleanup: true }, (emulator) =>
      using(emulator.agi(), (client) => client.sessions.create()),
    );
    await assert.rejects(leaving, /left 1 session behind/);
  });

  test("an option that makes no sense leaves nothing behind", async () => {
    const before = process.env.AGI_BASE_URL;
    await assert.rejects(
      withEmulator({ stepDelay: -1 }, () => {}),
      { name: "ConfigError" },
    );
    assert.equal(process.env.AGI_BASE_URL, before);
  });
});

test("import and require give the same helpers, and the same classes", async () => {
  const common = require("sessionwire/testing");
  assert.equal(common.useEmulator, useEmulator);
  assert.equal(common.withEmulator, withEmulator);
  assert.deepEqual(
    Object.keys(testing).filter(
      (name) => !["default", "module.exports", "__esModule"].includes(name),
    ),
    ["useEmulator", "withEmulator"],
  );
  await withEmulator({}, (emulator) => assert.ok(emulator instanceof Emulator));
});

/** Runs a test file in a folder of the repository, so that `sessionwire` is found. */
async function inFolder(source, command) {
  const folder = await mkdtemp(join(root, "dist/testing-"));
  try {
    const file = join(folder, "application.test.mjs");
    await writeFile(file, source);
    const env = { NODE_TEST_CONTEXT: undefined }; // a run of its own
    return await node(command(file, folder), { env, timeout: 60_000 });
  } finally {
    await rm(folder, { recursive: true });
  }
}

const vitest = (_, folder) => [
  join(root, "node_modules/vitest/vitest.mjs"),
  "run",
  "--root",
  folder,
];

async function page() {
  const text = await readFile(join(root, "docs/test-your-app.md"), "utf8");
  const typed = /<!-- testing: node -->\n```ts test\n([\s\S]*?)```/.exec(text)[1];
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  return ts.transpileModule(typed, { compilerOptions }).outputText;
}

test("the page's example runs with node:test", async () => {
  const done = await inFolder(await page(), (file) => ["--test", file]);
  assert.equal(done.code, 0, done.stdout);
  assert.match(done.stdout, /pass 2/);
});

test("the page's example runs with vitest", async () => {
  const source = (await page()).replace("node:test", "vitest");
  const done = await inFolder(source, vitest);
  assert.equal(done.code, 0, done.stdout + done.stderr);
  assert.match(done.stdout, /2 passed/);
});

test("vitest shows what came instead", async () => {
  const done = await inFolder(
    `import { afterEach, beforeEach, test } from "vitest";
     import { useEmulator } from "sessionwire/testing";
     const emulator = useEmulator({ beforeEach, afterEach });
     test("fails", () => {
       emulator.assertRequested({ method: "POST" });
     });`,
    vitest,
  );
  assert.equal(done.code, 1);
  assert.match(done.stdout + done.stderr, /Expected POST at least once; it came 0 times/);
});

test("a client that was made before reaches no real service", async () => {
  const before = { ...process.env };
  process.env.AGI_API_KEY = "key-of-the-shell";
  process.env.RACCOON_API_KEY = "key-of-the-shell";
  // Nobody listens there; with the default address it would be the service.
  process.env.RACCOON_BASE_URL = "http://127.0.0.1:9";
  delete process.env.AGI_BASE_URL;
  try {
    const clients = [new Agi({ maxRetries: 0 }), new Raccoon({ maxRetries: 0 })];
    const [client, raccoon] = clients;
    const pinned = new Agi({ baseUrl: "http://127.0.0.1:9", maxRetries: 0 });
    const listed = async () => {
      for await (const session of raccoon.sessions.list()) assert.fail(inspect(session));
    };
    await withEmulator({}, async (emulator) => {
      const refused = { name: "ConfigError", message: /reach the real service.*baseUrl|base_url/ };
      await assert.rejects(client.sessions.list(), refused);
      await assert.rejects(listed(), refused);
      const events = client.sessions.attach("s").events();
      await assert.rejects(events.next(), { name: "ConfigError", message: /api\.agi\.tech/ });
      assert.deepEqual(emulator.requests(), []);
      await assert.rejects(pinned.sessions.list(), { name: "APIConnectionError" });
      assert.deepEqual(await using(new Agi(), (inside) => inside.sessions.list()), []);
    });
    await assert.rejects(listed(), { name: "APIConnectionError" });
    for (const made of [...clients, pinned]) await made.close();
  } finally {
    for (const name of ["AGI_API_KEY", "RACCOON_API_KEY", "RACCOON_BASE_URL", "AGI_BASE_URL"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
});
