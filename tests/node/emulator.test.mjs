// The emulator from Node: faults in both forms, webhooks at a receiver, who may use it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { get as httpsGet } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { Agi, APIConnectionError, ConfigError, Emulator, InvalidRequestError } from "sessionwire";
import { node, root, until, using } from "./helpers.mjs";

/** An emulator for a piece of work. */
async function emulating(options, work) {
  return using(await Emulator.start(options), work);
}

const file = `${root}tests/contract/scenarios/faults.json`;
const { cases, refused } = JSON.parse(readFileSync(file, "utf8"));

test("a fault is the same in every form", () =>
  emulating({}, async (emulator) => {
    for (const { text, fault } of cases) {
      for (const form of [text, fault]) {
        emulator.fail(form);
        assert.deepEqual(emulator.faults(), [text]);
        emulator.clearFaults();
      }
    }
    await emulating({ faults: [cases[0].text, cases[0].fault] }, (other) => {
      assert.deepEqual(other.faults(), [cases[0].text, cases[0].text]);
    });
  }));

test("a bad fault is refused", () =>
  emulating({}, async (emulator) => {
    for (const { text, error } of refused) {
      assert.throws(
        () => emulator.fail(text),
        (thrown) => thrown instanceof InvalidRequestError && thrown.message.includes(error),
        text,
      );
      await assert.rejects(Emulator.start({ faults: [text] }), ConfigError);
    }
    assert.deepEqual(emulator.faults(), []);
  }));

/** The raw answer to a request for the list of sessions, and how it ended. */
async function answer(url) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write("GET /v1/sessions HTTP/1.1\r\nhost: localhost\r\n");
  socket.write("authorization: Bearer key-for-tests\r\nconnection: close\r\n\r\n");
  let text = "";
  try {
    for await (const chunk of socket) text += chunk;
  } catch (error) {
    return [text, error.code];
  }
  return [text, "end"];
}

test("a fault shows on the wire", () =>
  emulating({}, async (emulator) => {
    emulator.fail("list limit=429 retry_after=5");
    emulator.fail({ on: "list", redirect: "{path}" });
    emulator.fail("list reset");
    emulator.fail("list close_after_bytes=1");
    assert.match((await answer(emulator.url))[0], /^HTTP\/1.1 429 .*\nretry-after: 5\r/is);
    assert.match((await answer(emulator.url))[0], /\nlocation: \/v1\/sessions\r/i);
    assert.deepEqual(await answer(emulator.url), ["", "ECONNRESET"]);
    assert.match((await answer(emulator.url))[0], /content-length: 2\r.*\r\n\r\n\[$/is);
    assert.match((await answer(emulator.url))[0], /\r\n\r\n\[\]$/);
  }));

/** Receives webhooks; the first so many answers are 500. */
async function receiver(failures, work) {
  const received = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    received.push({ headers: request.headers, body: JSON.parse(text) });
    response.writeHead(received.length > failures ? 204 : 500).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await work(`http://127.0.0.1:${server.address().port}/hook`, received);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const ALL_KINDS = {
  "session.created": [],
  "session.deleted": [],
  "session.status_changed": ["new_status", "old_status"],
  "task.completed": ["result"],
  "task.error": ["details", "error"],
  "task.question": ["context", "question"],
  "task.started": ["message"],
};

test("all kinds of webhooks arrive", () =>
  receiver(0, (webhookUrl, received) => {
    const scenario = {
      tasks: [
        { match: "ask", steps: [{ question: "Which?" }, { done: "{answer}" }] },
        { match: "fail", steps: [{ error: "no" }] },
      ],
    };
    const kinds = () => [...new Set(received.map(({ body }) => body.event))].sort();
    return emulating({ scenario }, async (emulator) => {
      const client = emulator.agi();
      const session = await client.sessions.create({ webhookUrl });
      const task = await session.startTask("ask me");
      await until(() => kinds().includes("task.question"));
      await session.pause();
      await session.resume();
      await task.answer("blue");
      assert.equal((await task.result()).text, "blue");
      await session.sendMessage("fail");
      await session.wait();
      await session.delete();
      await client.close();
      await until(() => kinds().length === 7);
      assert.deepEqual(kinds(), Object.keys(ALL_KINDS));
      for (const { headers, body } of received) {
        assert.equal(headers["x-event-type"], body.event);
        assert.equal(headers["content-type"], "application/json");
        assert.equal(headers["user-agent"], "AgencyAPI-Webhooks/1.0");
        const fields = ["event", "session", "timestamp", ...ALL_KINDS[body.event]];
        assert.deepEqual(Object.keys(body).sort(), fields.sort());
        assert.equal(body.session.id, session.sessionId);
      }
      await until(() => emulator.webhookAttempts().length === received.length);
      for (const { outcome } of emulator.webhookAttempts()) {
        assert.equal(outcome, "webhook_delivered");
      }
    });
  }));

test("the third try comes at the documented time", () =>
  receiver(2, (webhookUrl, received) =>
    emulating({ clock: "fast" }, async (emulator) => {
      const client = emulator.agi();
      const { sessionId } = await client.sessions.create({ webhookUrl });
      await until(() => emulator.webhookAttempts().length === 3);
      const attempts = emulator.webhookAttempts();
      assert.deepEqual(
        attempts.map(({ at, error, ...attempt }) => {
          const { headers, body, responseHeaders, responseBody, ...told } = attempt;
          assert.deepEqual(JSON.parse(body), received[0].body);
          assert.equal(headers["x-event-type"], "session.created");
          assert.equal(typeof responseHeaders.date, "string");
          assert.equal(responseBody, "");
          return [told, at - attempts[0].at, typeof error];
        }),
        [
          [{ outcome: "webhook_retry", status: 500, retryIn: 1000 }, 0, "string"],
          [{ outcome: "webhook_retry", status: 500, retryIn: 2000 }, 1000, "string"],
          [{ outcome: "webhook_delivered", status: 204, retryIn: null }, 3000, "object"],
        ].map(([attempt, ...rest], index) => [
          { event: "session.created", sessionId, attempt: index + 1, replay: false, ...attempt },
          ...rest,
        ]),
      );
      assert.equal(new Set(received.map(({ body }) => JSON.stringify(body))).size, 1);
      await client.close();
    }),
  ));

test("other machines are kept out unless it is said", async () => {
  await assert.rejects(Emulator.start({ host: "0.0.0.0" }), {
    name: "ConfigError",
    message: /allow_remote/,
  });
  const warned = once(process, "warning");
  await emulating({ host: "0.0.0.0", allowRemote: true }, async (emulator) => {
    assert.match((await warned)[0].message, /other machines/);
    const client = emulator.agi();
    assert.deepEqual(await client.sessions.list(), []);
    await client.close();
  });
});

test("the manual's scenario runs as data and from a file", async () => {
  const manual = readFileSync(`${root}emulator/README.md`, "utf8");
  // Below the repository, so that `sessionwire` is found.
  const folder = await mkdtemp(join(root, "dist/example-"));
  try {
    for (const [name, file] of [
      ["mug.yaml", "mug.yaml"],
      ["node", "example.mjs"],
    ]) {
      const [, block] = new RegExp(`<!-- example: ${name} -->\n\`\`\`\\w+\n([^]*?)\`\`\``).exec(
        manual,
      );
      await writeFile(join(folder, file), block);
    }
    const done = await node(["example.mjs"], { cwd: folder, timeout: 60_000 });
    assert.deepEqual([done.stdout, done.stderr], ["A blue mug\nA blue mug\n", ""]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("parallel tests share one emulator and see nothing of one another", () =>
  emulating({ stepDelay: 0 }, async (emulator) => {
    const play = async (text) => {
      const world = emulator.world();
      assert.equal(world.url, emulator.url);
      assert.notEqual(world.apiKey, emulator.apiKey);
      world.scenario({ tasks: [{ steps: [{ done: text }] }] });
      world.fail("models status=503");
      await using(world.agi({ maxRetries: 0 }), async (client) => {
        await assert.rejects(client.models(), { name: "InternalServerError" });
        assert.equal((await client.runTask("Say it")).text, text);
      });
      world.assertRequested({ method: "GET", path: "/v1/models" }, { times: 1 });
      await world.close();
    };
    await Promise.all(Array.from({ length: 24 }, (_, number) => play(`text ${number}`)));
    assert.deepEqual(emulator.requests(), []);
    assert.equal(emulator.sessionCount, 0);
  }));

test("a world is found again by its key, and reset", () =>
  emulating({ stepDelay: 0 }, async (emulator) => {
    const world = emulator.world("key-of-a-test");
    world.scenario({ tasks: [{ steps: [{ delay: 36_000 }, { done: "late" }] }] });
    world.clock("fast");
    const again = emulator.world("key-of-a-test");
    await using(again.agi(), async (client) => {
      assert.equal((await client.runTask("Wait")).text, "late");
    });
    again.reset();
    assert.deepEqual(world.requests(), []);
    assert.throws(() => emulator.world("two words"), /visible ASCII/);
    assert.throws(() => emulator.world(7), /`key` must be a text, not 7/);
    assert.throws(() => emulator.clock("slow"), InvalidRequestError);
  }));

test("an emulator in this process offers the control API where it is asked for", () =>
  emulating({ controlToken: "a-token-of-mine" }, async (emulator) => {
    assert.equal(emulator.controlUrl, `${emulator.url}/_emulator/v1`);
    assert.equal(emulator.controlToken, "a-token-of-mine");
    const headers = { authorization: "Bearer a-token-of-mine" };
    const response = await fetch(`${emulator.controlUrl}/worlds`, { headers });
    assert.equal((await response.json()).worlds[0].url, emulator.url);
    await emulating({}, (other) => assert.equal(other.controlUrl, null));
    await assert.rejects(Emulator.start({ controlToken: "short" }), ConfigError);
  }));

test("a fault and a scenario that are wrong are named in the words of their formats", () =>
  emulating({}, (emulator) => {
    const failing = (work, words) => assert.throws(work, (error) => error.message.includes(words));
    for (const fault of ["events cut_aftr=1", { on: "events", cut_aftr: 1 }]) {
      failing(() => emulator.fail(fault), "write `cut_after`");
    }
    const steps = [{ error: "Closed", status_cod: 502 }];
    failing(() => emulator.scenario({ tasks: [{ steps }] }), "`status_code`");
  }));

test("with TLS, clients that trust its file work", async () => {
  const scenario = {
    tasks: [{ steps: [{ thought: "hm" }, { done: "42" }] }],
    turns: [{ steps: [{ text: "For" }, { text: "ty" }] }],
  };
  let file;
  await emulating({ scenario, tls: true }, async (emulator) => {
    assert.match(emulator.url, /^https:\/\/127\.0\.0\.1:/);
    file = emulator.caFile;
    await using(emulator.agi(), async (client) => {
      const session = await client.sessions.create();
      assert.ok(session.vncUrl.startsWith(emulator.url));
      const texts = [];
      for await (const event of await session.startTask("work")) texts.push(event.text);
      assert.deepEqual(texts, ["hm", "42"]);
    });
    await using(emulator.raccoon(), async (client) => {
      assert.equal((await client.runTurn("count")).text, "Forty");
    });
    // Node's own client trusts it, too.
    const ca = readFileSync(file);
    const [page] = await once(httpsGet(emulator.liveUrl, { ca, agent: false }), "response");
    page.resume();
    assert.equal(page.statusCode, 200);
    const before = emulator.requests().length;
    const stranger = new Agi({ baseUrl: emulator.url, apiKey: "k", maxRetries: 0 });
    await using(stranger, (client) =>
      assert.rejects(client.sessions.list(), (error) => {
        assert.ok(error instanceof APIConnectionError);
        return /certificate.*caFile/.test(error.message);
      }),
    );
    assert.equal(emulator.requests().length, before);
  });
  assert.ok(!existsSync(file));
});

test("TLS writes where it is told, and shows a certificate of one's own", async () => {
  const folder = await mkdtemp(join(root, "target", "tls-"));
  const tlsCa = join(folder, "ca.pem");
  await emulating({ tlsCa }, (emulator) => assert.equal(emulator.caFile, tlsCa));
  await rm(folder, { recursive: true });
  const certificates = `${root}tests/certificates/`;
  const own = { tlsCert: `${certificates}localhost.pem`, tlsKey: `${certificates}localhost.key` };
  await emulating(own, async (emulator) => {
    assert.match(emulator.url, /^https:\/\/localhost:/);
    assert.equal(emulator.caFile, null);
    await using(emulator.agi({ caFile: `${certificates}ca.pem` }), async (client) => {
      assert.deepEqual(await client.sessions.list(), []);
    });
  });
  await assert.rejects(Emulator.start({ tlsCert: "cert.pem" }), /tls_?[kK]ey/);
});

test("what it holds is kept, and there from the start", async () => {
  const folder = await mkdtemp(join(root, "target", "kept-"));
  const [state, seed] = [join(folder, "kept"), join(folder, "seed.json")];
  const sessions = [{ session_id: "a-session", agent_name: "agi-0" }];
  await writeFile(seed, JSON.stringify({ version: 1, accounts: { k: { sessions } } }));
  const listed = (emulator) =>
    using(emulator.agi({ apiKey: "k" }), async (client) => {
      assert.deepEqual(
        (await client.sessions.list()).map((session) => session.sessionId),
        ["a-session"],
      );
    });
  await emulating({ state, seed }, listed);
  await emulating({ state }, async (emulator) => {
    await listed(emulator);
    await assert.rejects(Emulator.start({ state }), /which another emulator uses/);
  });
  await emulating({ seed: JSON.parse(readFileSync(seed, "utf8")) }, listed);
  await assert.rejects(
    Emulator.start({ seed: { version: 7 } }),
    /seed is data, which cannot be used/,
  );
  for (const name of ["seed", "scenario"]) {
    await assert.rejects(Emulator.start({ [name]: [] }), {
      name: "ConfigError",
      message: `\`${name}\` must be an object, or the path of a file as a string`,
    });
  }
  await assert.rejects(Emulator.start({ seed: join(folder, "none") }), /seed is .*none/);
  await rm(folder, { recursive: true });
});

test("what could not be kept is an error of close", async () => {
  const folder = await mkdtemp(join(root, "target", "unkept-"));
  const state = join(folder, "kept");
  const emulator = await Emulator.start({ state });
  await until(() => existsSync(join(state, "state.json")), "it is kept");
  await rm(state, { recursive: true });
  await writeFile(state, "mine");
  await assert.rejects(emulator.close(), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.ok(error.message.includes(state), error.message);
    assert.match(error.message, /move that away/);
    return true;
  });
  await emulator.close(); // Once is enough.
  assert.equal(await readFile(state, "utf8"), "mine");
  await rm(folder, { recursive: true });
});

test("a certificate that clients refuse is warned of", {
  skip: process.platform !== "linux" && "elsewhere 127.0.0.2 is no address",
}, async () => {
  const certificates = `${root}tests/certificates/`;
  const own = { tlsCert: `${certificates}localhost.pem`, tlsKey: `${certificates}localhost.key` };
  const warned = once(process, "warning");
  const emulator = await Emulator.start({ ...own, host: "127.0.0.2" });
  const [warning] = await warned;
  await emulator.close();
  assert.match(warning.message, /127\.0\.0\.2.*holds for localhost/);
});
