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
import { node, root, runProgram, using } from "./helpers.mjs";

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

  test("code under test trusts an emulator with TLS", async () => {
    const before = process.env.SSL_CERT_FILE;
    await withEmulator({ tls: true, scenario: hello }, async (emulator) => {
      assert.match(emulator.url, /^https:/);
      assert.equal(await application(), "Hello");
    });
    assert.equal(process.env.SSL_CERT_FILE, before);
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

describe("what did not go as the scenario says", () => {
  const scenario = {
    tasks: [{ match: "red cup", steps: [{ error: "Sold out" }] }],
    turns: [{ match: "report", mode: "code", steps: [{ complete: true }] }],
  };
  /** An application that takes every error. */
  async function run(task) {
    return using(new Agi(), (client) => client.runTask(task).catch(() => undefined));
  }
  const unmatched =
    'No entry of the scenario fits the task "Buy a red cap". The nearest is tasks[0]: its `match` says ' +
    '"red cup", where the task says "red cap". Mend that entry or add one; with the option `unmatched` set to ' +
    '"agent" the built-in agent plays what no entry fits';

  test("a task that no entry fits is an error, even where the code takes it", async () => {
    const swallowed = withEmulator({ scenario }, () => run("Buy a red cap"));
    await assert.rejects(swallowed, { name: "AssertionError", message: unmatched });
    await withEmulator({ scenario }, () => run("Buy a red cup"));
    await withEmulator({ scenario, unmatched: "agent" }, async () => {
      assert.ok(await run("Buy a red cap"));
    });
  });

  test("so is a turn", async () => {
    const started = withEmulator({ scenario }, () =>
      using(new Raccoon(), (client) => client.session().startTurn("a report")),
    );
    await assert.rejects(started, /turns\[0\]: it wants the mode "code", and this turn has "auto"/);
  });

  test("what never struck or played is one, too, unless it is allowed", async () => {
    const once = { tasks: [{ match: "a", once: true, steps: [] }, { steps: [] }] };
    const options = { scenario: once, faults: ["status status=503"] };
    await assert.rejects(
      withEmulator(options, () => run("b")),
      {
        message:
          "The fault `status status=503` never struck: no request came that it is for. Send the request, or take the fault out\n" +
          'The entry tasks[0] (match "a") of the scenario plays `once`, and never played. Send what it is for, or take it out',
      },
    );
    await withEmulator({ ...options, allowUnused: true }, () => run("b"));
    await withEmulator(options, async (emulator) => {
      await run("a");
      emulator.clearFaults();
    });
  });

  test("useEmulator says it in its hook, and not once more than the test did", async () => {
    const hooks = {};
    const keep = (name) => (hook) => {
      assert.equal(hook.length, 0, "jest would wait for a callback");
      hooks[name] = hook;
    };
    const emulator = useEmulator(
      { beforeEach: keep("before"), afterEach: keep("after") },
      { scenario },
    );
    await hooks.before();
    await run("Buy a red cap");
    await assert.rejects(hooks.after(), { message: unmatched });

    const failed = async (context, problems) => {
      await hooks.before();
      await run("Buy a red cap");
      emulator.fail("status status=503");
      const ended = hooks.after(context);
      await (problems ? assert.rejects(ended, { message: unmatched }) : ended);
    };
    await failed({ error: { message: "mine" } }, true);
    await failed({ error: { message: "1 failed", cause: { message: unmatched } } }, false);
    const result = { state: "fail", errors: [{ message: unmatched }] };
    await failed({ task: { result } }, false);
  });
});

test("a helper that is called in another way says so at once", async () => {
  const [hooks, scenario] = [{ beforeEach() {}, afterEach() {} }, {}];
  for (const [call, message] of [
    [() => useEmulator({ scenario }), /useEmulator takes the hooks of your framework first/],
    [() => useEmulator({ beforeEach() {} }), /useEmulator\(\{ beforeEach, afterEach \}/],
    [() => useEmulator(), /takes the hooks/],
    [
      () => useEmulator(hooks, { scenari: scenario }),
      /no option `scenari`. Did you mean `scenario`/,
    ],
    [() => useEmulator(hooks, { strictCleanup: "no" }), /`strictCleanup` must be true or false/],
    [() => withEmulator(() => {}), /withEmulator takes the options first/],
    [() => withEmulator({ allowUnused: 1 }, () => {}), /`allowUnused` must be true or false/],
  ]) {
    await assert.rejects(async () => call(), { name: "ConfigError", message });
  }
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

async function guide() {
  const text = await readFile(join(root, "docs/testing.md"), "utf8");
  return /<!-- testing: shop -->\n```js\n([\s\S]*?)```/.exec(text)[1];
}

test("the guide's example runs with node:test", async () => {
  const done = await inFolder(await guide(), (file) => ["--test", file]);
  assert.equal(done.code, 0, done.stdout);
  assert.match(done.stdout, /pass 3/);
});

test("the guide's example runs with vitest, and fails where no entry fits", async () => {
  const source = (await guide()).replace("node:test", "vitest");
  const done = await inFolder(source, vitest);
  assert.equal(done.code, 0, done.stdout + done.stderr);
  assert.match(done.stdout, /3 passed/);
  const misspelt = await inFolder(source.replace("the plate", "the plates"), vitest);
  assert.equal(misspelt.code, 1);
  assert.match(
    misspelt.stdout + misspelt.stderr,
    /The nearest is tasks\[1\]: its `match` says "the plates", where the task says "the plate\?"/,
  );
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

test("nor does a program that a test starts", async () => {
  const program = `
    import { Agi } from "sessionwire";
    if (process.env.DOTENV) process.env.AGI_BASE_URL = "http://127.0.0.1:9";
    const client = new Agi({ maxRetries: 0 });
    console.log(await client.sessions.list().catch((error) => String(error)));
    await client.close();`;
  await withEmulator({}, async (emulator) => {
    const { AGI_API_KEY, AGI_BASE_URL } = process.env;
    const start = (more) => runProgram(program, { env: { AGI_API_KEY, AGI_BASE_URL, ...more } });
    assert.equal((await start({})).stdout.trim(), "[]");
    const dotenv = await start({ DOTENV: "1" });
    assert.match(dotenv.stdout, /ConfigError.*would reach the real service/);
    assert.equal(emulator.requests().length, 1);
  });
});
