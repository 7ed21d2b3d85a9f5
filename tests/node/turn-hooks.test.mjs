// `decodeFrame` and `decodeAnswer` in Node; the shared cases are in turn-cases.test.mjs.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import {
  APIStatusError,
  ConfigError,
  Emulator,
  Raccoon,
  StreamError,
  TaskTimeout,
} from "sessionwire";
import { failure, using } from "./helpers.mjs";

const STEPS = [{ thought: "hm" }, { text: "a" }, { text: "b" }, { complete: true }];
const KINDS = ["message.received", "thought", "text", "text", "task.completed"];

const opened = (value) =>
  typeof value?.envelope === "string" ? JSON.parse(value.envelope) : value;
const HOOKS = { decodeFrame: opened, decodeAnswer: (_operation, _status, body) => opened(body) };

async function withClient(options, run, emulatorOptions = {}) {
  const scenario = { turns: [{ steps: STEPS, once: false }] };
  const emulator = await Emulator.start({ stepDelay: 0, scenario, ...emulatorOptions });
  await using(emulator, () => using(emulator.raccoon(options), (client) => run(client, emulator)));
}

async function kindsOf(turn) {
  const kinds = [];
  for await (const event of turn) kinds.push(event.kind);
  return kinds;
}

test("each frame comes once and in order, before it is read", async () => {
  const seen = [];
  const decodeFrame = (frame) => {
    seen.push(frame.event_id ?? frame.type ?? frame);
    return typeof frame === "string" ? undefined : frame;
  };
  await withClient({ decodeFrame }, async (client, emulator) => {
    emulator.fail({ on: "socket", insert: "no JSON", insertAfter: 1 });
    const turn = await client.session().startTurn("go");
    assert.deepEqual(await kindsOf(turn), KINDS);
    assert.equal((await turn.result()).text, "ab");
    assert.deepEqual(seen, ["ack", 1, "no JSON", 2, 3, 4, 5]);
  });
});

test("each operation names itself to decodeAnswer", async () => {
  const seen = [];
  const decodeAnswer = (operation, status, body) => {
    seen.push([operation, status]);
    return opened(body);
  };
  await withClient(
    { ...HOOKS, decodeAnswer },
    async (client) => {
      const session = client.session();
      for (const each of [client, client.withOptions({ timeout: 30_000 })]) {
        const run = await each.runTurn("go", { sessionId: session.sessionId });
        assert.equal(run.text, "ab");
      }
      seen.length = 0;
      await session.upload(Buffer.from("x"), { name: "a.txt" });
      await session.rename("Digest");
      assert.equal((await session.history()).session.title, "Digest");
      for await (const found of client.sessions.list()) {
        assert.equal(found.sessionId, session.sessionId);
      }
      const raw = await client.request("GET", "/sessions");
      assert.match(raw.body, /envelope/);
      assert.ok((await session.delete()).deleted);
      const names = ["upload", "rename_session", "get_session", "list_sessions", "delete_session"];
      assert.deepEqual(
        seen,
        names.map((name) => [name, 200]),
      );
    },
    { dialect: { envelope: "all" } },
  );
});

test("g01 a turn that a hook failed on goes on elsewhere", async () => {
  const decodeFrame = (frame) => {
    if (frame.kind === "text") throw new TypeError("no such frame");
    return frame;
  };
  await withClient({ decodeFrame }, async (client, emulator) => {
    const turn = await client.session().startTurn("go");
    const error = await failure(() => kindsOf(turn));
    assert.ok(error instanceof StreamError);
    assert.equal(error.reason, "decode_frame");
    assert.deepEqual([error.sessionId, error.messageId], [turn.sessionId, turn.messageId]);
    assert.match(error.message, /`decodeFrame` failed: TypeError: no such frame/);
    const history = await client.sessions.get(turn.sessionId);
    assert.equal(history.messages[1].events.length, 5);
    await using(emulator.raccoon(), async (other) => {
      const rest = await other.attach(turn.sessionId, turn.messageId, { after: turn.resumePoint });
      assert.deepEqual(await kindsOf(rest), KINDS.slice(2));
      assert.equal((await rest.result()).text, "ab");
    });
  });
});

test("g03 a start that a hook failed on may run", async () => {
  const decodeAnswer = () => {
    throw new RangeError("no such response");
  };
  await withClient({ decodeAnswer }, async (client) => {
    const session = client.session();
    const error = await failure(() => session.startTurn("go"));
    assert.ok(error instanceof APIStatusError);
    assert.deepEqual([error.reason, error.maybeDelivered], ["decode_answer", true]);
    assert.equal(error.sessionId, session.sessionId);
    assert.match(error.message, /`decodeAnswer` failed: RangeError: no such response/);
  });
});

test("what is no frame is an error", async () => {
  for (const [decodeFrame, says] of [
    [() => [], /`decodeFrame` gave a list/],
    [() => "x", /`decodeFrame` gave a text/],
    [() => test, /`decodeFrame` gave a function/],
    [() => Promise.resolve({}), /`decodeFrame` gave a promise/],
    [() => Promise.reject(new Error("unheard")), /`decodeFrame` gave a promise/],
    [() => ({ n: 1n }), /`decodeFrame` failed: TypeError: .*BigInt/],
  ]) {
    await withClient({ decodeFrame }, async (client) => {
      const error = await failure(() => client.runTurn("go"));
      assert.match(error.message, says);
    });
  }
});

test("g08 what cannot be called is refused", () => {
  for (const name of ["decodeFrame", "decodeAnswer"]) {
    for (const [odd, says] of [
      ["x", `\`${name}\` is not a function but string`],
      [null, `\`${name}\` is not a function but null`],
      [async () => {}, `\`${name}\` is an async function`],
    ]) {
      assert.throws(
        () => new Raccoon({ apiKey: "some-key", [name]: odd }),
        (error) => error instanceof ConfigError && error.message.includes(says),
      );
    }
  }
});

test("a client with hooks does not keep the process", async () => {
  const program = `
    const { Emulator, Raccoon } = await import("sessionwire");
    const emulator = await Emulator.start({ dialect: { envelope: "all" } });
    const opened = (value) => value?.envelope === undefined ? value : JSON.parse(value.envelope);
    const client = emulator.raccoon({ decodeFrame: opened, decodeAnswer: (o, s, body) => opened(body) });
    console.log((await client.runTurn("Say hello")).status);
    const left = client.session(undefined, { deleteOnExit: true });
    await left.runTurn("Say hello");
    left[Symbol.asyncDispose]();
    // The delete goes on, while nothing of JavaScript runs.
    process.exit();
  `;
  const run = promisify(execFile);
  const args = ["--input-type=module", "-e", program];
  const { stdout, stderr } = await run(process.execPath, args, { timeout: 60_000 });
  assert.deepEqual([stdout, stderr], ["completed\n", ""]);
});

test("a run without a known end says which setting names it", async () => {
  const steps = [{ text: "x" }, { event: "finito", payload: {} }, { wait_for_stop: true }];
  await withClient(
    {},
    async (client) => {
      const error = await failure(() => client.runTurn("go", { timeout: 1000 }));
      assert.ok(error instanceof TaskTimeout);
      assert.match(error.message, /"finito".*`completedKinds`/);
    },
    { scenario: { turns: [{ steps }] } },
  );
});

test("what no JSON has, and what cannot be shown, is told as that", async () => {
  const texts = (payload) => (frame) => (frame.kind === "text" ? { ...frame, payload } : frame);
  const shapeless = Object.create(null);
  for (const [decodeFrame, says] of [
    [texts({ text: "\ud800" }), "half of a surrogate pair"],
    [texts({ "\udc00": 1 }), "half of a surrogate pair"],
    [texts({ text: "a", price: Number.NaN }), "NaN is not a number that JSON has"],
    [
      (frame) => {
        if (frame.kind === "text") throw shapeless;
        return frame;
      },
      "something that has no text",
    ],
  ]) {
    await withClient({ decodeFrame }, async (client) => {
      const kinds = [];
      const turn = await client.session().startTurn("go");
      const error = await failure(async () => {
        for await (const event of turn) kinds.push(event.kind);
      });
      assert.ok(error instanceof StreamError);
      assert.match(error.message, new RegExp(says));
      assert.match(error.message, /"kind":"text"/);
      assert.deepEqual(kinds, ["message.received", "thought"]);
    });
  }
});

test("what JSON would empty is no frame and no body", async () => {
  for (const [given, name] of [
    [new Map([["kind", "text"]]), "Map"],
    [Buffer.from("{}"), "Buffer"],
    [new Uint8Array(2), "Uint8Array"],
    [new Set(), "Set"],
    [{ kind: "text", payload: new Map() }, "Map"],
    [{ kind: "text", payload: { text: Buffer.from("a") } }, "Buffer"],
    [new Error("no"), "Error"],
  ]) {
    await withClient({ decodeFrame: () => given }, async (client) => {
      const error = await failure(() => client.runTurn("go"));
      assert.ok(error instanceof StreamError, error.stack);
      assert.equal(error.reason, "decode_frame");
      assert.match(
        error.message,
        new RegExp(`\`decodeFrame\` gave a ${name}, which JSON does not`),
      );
    });
  }
  await withClient({ decodeAnswer: () => new Map() }, async (client) => {
    const error = await failure(() => client.session().startTurn("go"));
    assert.match(error.message, /`decodeAnswer` gave a Map/);
  });
});

test("what a hook throws is shown without the key", async () => {
  const warnings = [];
  const listen = (warning) => warnings.push(`${warning.name} ${warning.message}`);
  process.on("warning", listen);
  try {
    let key;
    const decodeFrame = () => {
      throw new Error(`no frame for ${key}`);
    };
    await withClient({ decodeFrame }, async (client, emulator) => {
      key = emulator.apiKey;
      const error = await failure(() => client.runTurn("go"));
      assert.match(error.message, /no frame for/);
      assert.ok(!error.message.includes(key));
      await new Promise((resolve) => setImmediate(resolve));
      const [said] = warnings.filter((text) => text.includes("`decodeFrame` threw"));
      assert.match(said, /no frame for/);
      assert.ok(!said.includes(key), said);
    });
  } finally {
    process.off("warning", listen);
  }
});
