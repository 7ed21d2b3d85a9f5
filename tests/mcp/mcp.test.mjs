// `sessionwire mcp` with the official clients of TypeScript, which are installed in a place of their
// own: `make test-mcp`. Over stdio and HTTP, by the protocol of before 2026 and by that of today.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Emulator } from "sessionwire";

const require = createRequire(join(process.env.MCP, "none.js"));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const PROGRAM = process.env.SESSIONWIRE_PROGRAM ?? "sessionwire";
const TOKEN = "0123456789abcdef0123";
const ENDLESS = [{ thought: "I begin" }, { delay: 3600 }];

/** The two lines of the official client, with the same use. */
const CLIENTS = {
  sdk: async () => {
    const { Client } = await load("@modelcontextprotocol/sdk/client/index.js");
    const { ElicitRequestSchema } = await load("@modelcontextprotocol/sdk/types.js");
    const stdio = await load("@modelcontextprotocol/sdk/client/stdio.js");
    const http = await load("@modelcontextprotocol/sdk/client/streamableHttp.js");
    return {
      Client,
      Stdio: stdio.StdioClientTransport,
      Http: http.StreamableHTTPClientTransport,
      ask: (client, handler) => client.setRequestHandler(ElicitRequestSchema, handler),
      call: (client, params, options) => client.callTool(params, undefined, options),
      options: {},
    };
  },
  client: async () => {
    const { Client, StreamableHTTPClientTransport } = await load("@modelcontextprotocol/client");
    const stdio = await load("@modelcontextprotocol/client/stdio");
    return {
      Client,
      Stdio: stdio.StdioClientTransport,
      Http: StreamableHTTPClientTransport,
      ask: (client, handler) => client.setRequestHandler("elicitation/create", handler),
      call: (client, params, options) => client.callTool(params, options),
      options: { versionNegotiation: { mode: "auto" } },
    };
  },
};

function environment(emulator, folder) {
  return {
    PATH: process.env.PATH,
    AGI_API_KEY: emulator.apiKey,
    AGI_BASE_URL: emulator.url,
    SESSIONWIRE_MCP_TOKEN: TOKEN,
    XDG_STATE_HOME: folder,
  };
}

/** A client of a server beside an emulator that plays these steps; afterwards no session is left. */
async function given(kit, way, steps, work, answer) {
  const folder = mkdtempSync(join(tmpdir(), "sessionwire-mcp-"));
  const scenario = { tasks: [{ steps, once: false }] };
  const emulator = await Emulator.start({ stepDelay: 0, browser: "builtin", scenario });
  const env = environment(emulator, folder);
  const client = new kit.Client(
    { name: "test", version: "1" },
    { capabilities: answer ? { elicitation: {} } : {}, ...kit.options },
  );
  if (answer) kit.ask(client, answer);
  let server;
  try {
    if (way === "stdio") {
      await client.connect(new kit.Stdio({ command: PROGRAM, args: ["mcp"], env }));
    } else {
      server = spawn(PROGRAM, ["mcp", "--http", "0"], { env, stdio: ["ignore", "ignore", "pipe"] });
      const [line] = await once(createInterface(server.stderr), "line");
      const headers = { Authorization: `Bearer ${TOKEN}` };
      const url = new URL(/http:\S+\/mcp/.exec(line)[0]);
      await client.connect(new kit.Http(url, { requestInit: { headers } }));
    }
    const call = (name, input, options) =>
      kit.call(client, { name, arguments: input }, { timeout: 30_000, ...options });
    await work(call, emulator, client);
  } finally {
    await client.close();
    if (server) {
      server.kill("SIGTERM");
      await once(server, "exit");
    }
    assert.equal(emulator.sessionCount, 0);
    await emulator.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function until(condition) {
  const limit = Date.now() + 20_000;
  while (!(await condition())) {
    assert.ok(Date.now() < limit, "it never came");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

for (const name of Object.keys(CLIENTS)) {
  for (const way of ["stdio", "http"]) {
    test(`${name}, ${way}: a task asks the user and ends`, async () => {
      const kit = await CLIENTS[name]();
      const asked = [];
      const shown = [];
      const steps = [
        { thought: "I look" },
        { question: "Which colour?" },
        { done: "A {answer} mug" },
      ];
      await given(
        kit,
        way,
        steps,
        async (call, _, client) => {
          assert.equal((await client.listTools()).tools.length, 12);
          const onprogress = ({ message }) => shown.push(message);
          const result = await call("run_task", { task: "Buy a mug" }, { onprogress });
          assert.equal(result.structuredContent.text, "A blue mug");
        },
        ({ params }) => {
          asked.push(params.message);
          return { action: "accept", content: { answer: "blue" } };
        },
      );
      assert.deepEqual(asked, ["The agent asks: Which colour?"]);
      assert.ok(shown.includes("I look"), shown);
    });

    test(`${name}, ${way}: a long task is come back to`, async () => {
      const steps = [{ question: "Which colour?" }, { done: "A {answer} mug" }];
      await given(await CLIENTS[name](), way, steps, async (call) => {
        const started = await call("start_task", { task: "Buy a mug" });
        const { task_id, session_id } = started.structuredContent;
        const asks = await call("wait_task", { task_id });
        assert.equal(asks.structuredContent.state, "input_required");
        const done = await call("answer_question", { task_id, answer: "red" });
        assert.equal(done.structuredContent.text, "A red mug");
        const gone = await call("delete_session", { session_id });
        assert.equal(gone.structuredContent.deleted, true);
      });
    });

    test(`${name}, ${way}: a call that is cancelled leaves nothing`, async () => {
      await given(await CLIENTS[name](), way, ENDLESS, async (call, emulator) => {
        const leave = new AbortController();
        const begun = new Promise((resolve) => {
          const options = { onprogress: resolve, signal: leave.signal };
          call("run_task", { task: "Work" }, options).then(assert.fail, () => {});
        });
        await begun;
        leave.abort();
        await until(() => emulator.sessionCount === 0);
      });
    });

    test(`${name}, ${way}: the browser is seen`, async () => {
      await given(await CLIENTS[name](), way, [{ done: "Done" }], async (call) => {
        const done = await call("run_task", { task: "Look", keep_session: true });
        const { session_id } = done.structuredContent;
        const seen = await call("take_screenshot", { session_id });
        assert.equal(seen.content[1].type, "image");
        assert.equal(seen.content[1].mimeType, "image/jpeg");
        await call("delete_session", { session_id });
      });
    });
  }

  test(`${name}: a client that goes leaves nothing`, async () => {
    await given(await CLIENTS[name](), "stdio", ENDLESS, async (call, emulator) => {
      await call("start_task", { task: "Work" });
      assert.equal(emulator.sessionCount, 1);
    });
  });
}

test("the protocol's inspector lists and calls the tools", async () => {
  const manifest = require.resolve("@modelcontextprotocol/inspector/package.json");
  const bin = require(manifest).bin;
  const inspector = join(dirname(manifest), bin["mcp-inspector"] ?? bin);
  const env = { PATH: process.env.PATH, HOME: tmpdir() };
  const inspect = async (...args) => {
    const server = [PROGRAM, "mcp", "--local"];
    const all = [inspector, "--cli", ...server, ...args];
    const { stdout } = await promisify(execFile)(process.execPath, all, { env });
    return JSON.parse(stdout);
  };
  const { tools } = await inspect("--method", "tools/list");
  assert.equal(tools.length, 20);
  const result = await inspect(
    ...["--method", "tools/call", "--tool-name", "run_task"],
    ...["--tool-arg", "task=Count these words please"],
  );
  assert.equal(result.structuredContent.state, "completed");
});
