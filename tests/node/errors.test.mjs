// Bad input and failures: the class, and a text that says what to do next.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import * as sessionwire from "sessionwire";
import { Agi, ConfigError, Emulator, InvalidRequestError, SessionwireError } from "sessionwire";
import { until } from "./helpers.mjs";

let emulator;
let client;
let session;

before(async () => {
  emulator = await Emulator.start({ stepDelay: 1, apiKeys: ["right"] });
  client = emulator.agi({ maxRetries: 0 });
  session = await client.sessions.create();
});

beforeEach(() => {
  emulator.clearFaults();
  emulator.clearRequests();
});

after(async () => {
  await client.close();
  await emulator.close();
});

/** Runs `work` without the client's environment variables. */
function withoutEnvironment(work) {
  const { AGI_API_KEY, AGI_BASE_URL } = process.env;
  delete process.env.AGI_API_KEY;
  delete process.env.AGI_BASE_URL;
  try {
    return work();
  } finally {
    if (AGI_API_KEY !== undefined) process.env.AGI_API_KEY = AGI_API_KEY;
    if (AGI_BASE_URL !== undefined) process.env.AGI_BASE_URL = AGI_BASE_URL;
  }
}

test("bad options are a ConfigError at construction", () => {
  const key = { apiKey: "k" };
  for (const [options, words] of [
    [{}, /AGI_API_KEY.*`apiKey`.*Emulator/],
    [{ apiKey: "" }, /empty.*AGI_API_KEY/],
    [{ apiKey: "a\nb" }, /line break/],
    [{ apiKey: 5 }, /must be a string/],
    [{ ...key, baseUrl: "" }, /baseUrl.*empty/],
    [{ ...key, baseUrl: "api.example" }, /baseUrl/],
    [{ ...key, baseUrl: "http://api.example" }, /`allowInsecureHttp: true`/],
    [{ ...key, timeout: 0 }, /`timeout`.*milliseconds/],
    [{ ...key, timeout: "5" }, /`timeout`.*milliseconds/],
    [{ ...key, connectTimeout: Number.NaN }, /`connectTimeout`.*milliseconds/],
    [{ ...key, maxRetries: -1 }, /`maxRetries`.*whole number/],
    [{ ...key, maxRetries: 1.5 }, /`maxRetries`.*whole number/],
    [{ ...key, headers: { a: 5 } }, /Check the names and types/],
    [{ ...key, caFile: "/does/not/exist.pem" }, /`caFile`.*exist\.pem/],
    [{ ...key, proxy: "http://" }, /`proxy`/],
    [{ ...key, headers: { "a b": "c" } }, /headers/],
  ]) {
    withoutEnvironment(() => {
      assert.throws(
        () => new Agi(options),
        (error) => {
          assert.ok(error instanceof ConfigError, String(error));
          assert.ok(error instanceof SessionwireError && error instanceof Error);
          assert.equal(error.code, "ERR_SESSIONWIRE_CONFIG");
          assert.match(error.message, words);
          return true;
        },
      );
    });
  }
});

test("the environment gives key and address", () => {
  withoutEnvironment(() => {
    process.env.AGI_API_KEY = "k";
    process.env.AGI_BASE_URL = "https://gateway.example/agi";
    assert.equal(new Agi().baseUrl, "https://gateway.example/agi/v1");
    assert.equal(new Agi({ baseUrl: "https://x.example/v1" }).baseUrl, "https://x.example/v1");
  });
});

test("g08 bad input is refused before any request", async () => {
  const long = "x".repeat(11_000);
  for (const [call, words] of [
    [() => client.sessions.get(""), /`sessionId` is empty.*Pass the id/],
    [() => client.sessions.delete(""), /`sessionId` is empty/],
    [() => client.sessions.get(".."), /`sessionId`/],
    [() => client.sessions.get(undefined), /`sessionId` must be a string/],
    [() => client.sessions.attach(""), /`sessionId` is empty.*`deleteAll`/],
    [() => client.sessions.attach("."), /`sessionId`/],
    [() => session.sendMessage(long), /11000 characters.*Shorten/],
    [() => session.runTask(long), /11000 characters.*Shorten/],
    [() => session.startTask(""), /`message` is empty/],
    [() => session.sendMessage(5), /`message` must be a string, not number/],
    [() => session.navigate("shop.example/cart"), /no scheme.*https:\/\//],
    [() => session.navigate("ftp://shop.example"), /not http or https/],
    [() => session.navigate(`https://x.example/${"y".repeat(2000)}`), /2000/],
    [() => session.sendMessage("x", { startUrl: `https://${"y".repeat(2000)}` }), /`startUrl`/],
    [() => session.messages({ afterId: -1 }), /`afterId`.*whole number/],
    [() => client.sessions.create({ webhookUrl: "shop" }), /`webhookUrl`/],
    [() => client.sessions.create({ agentName: "" }), /`agentName` is empty/],
    [() => client.sessions.create({ saveAsDefault: true }), /`saveSnapshotMode`/],
    [() => session.delete({ saveAsDefault: true }), /`saveSnapshotMode`/],
    [() => session.wait({ pollInterval: 0 }), /`pollInterval`.*milliseconds/],
    [() => session.runTask("x", { timeout: -1 }), /`timeout`.*milliseconds/],
    [() => session.runTask("x", { onQuestion: "yes" }), /`onQuestion` must be a function/],
  ]) {
    await assert.rejects(
      async () => call(),
      (error) => {
        assert.ok(error instanceof InvalidRequestError, error.stack);
        assert.equal(error.name, "InvalidRequestError");
        assert.equal(error.code, "ERR_INVALID_ARG_VALUE");
        assert.match(error.message, words);
        return true;
      },
    );
  }
  assert.deepEqual(emulator.requests(), []);
});

test("a wrong key is an AuthenticationError that says what to check", async () => {
  const wrong = emulator.agi({ apiKey: "wrong-key-1234" });
  await assert.rejects(wrong.sessions.create(), (error) => {
    assert.ok(error instanceof sessionwire.AuthenticationError);
    assert.equal(error.statusCode, 401);
    assert.match(error.message, /answered 401.*Check the API key.*`apiKey`.*AGI_API_KEY/);
    assert.ok(!error.stack.includes("wrong-key-1234"));
    // Where the user's code called, not only where the answer came in.
    assert.match(error.stack, /errors\.test\.mjs/);
    return true;
  });
  await wrong.close();
});

test("an unreachable host is an APIConnectionError", async () => {
  const closed = await Emulator.start();
  await closed.close();
  const lost = new Agi({ baseUrl: closed.url, apiKey: "k", maxRetries: 0 });
  for (const call of [() => lost.sessions.list(), () => lost.sessions.create()]) {
    await assert.rejects(call(), (error) => {
      assert.ok(error instanceof sessionwire.APIConnectionError);
      assert.ok(error instanceof sessionwire.APIError);
      assert.equal(error.code, "ERR_SESSIONWIRE_CONNECTION");
      assert.equal(error.maybeDelivered, false);
      assert.match(error.message, /base URL/);
      return true;
    });
  }
  await lost.close();
});

test("every status has its class and fields", async () => {
  for (const [status, name, headers] of [
    [400, "BadRequestError", {}],
    [401, "AuthenticationError", {}],
    [403, "PermissionDeniedError", {}],
    [404, "NotFoundError", {}],
    [409, "ConflictError", {}],
    [418, "APIStatusError", {}],
    [422, "UnprocessableEntityError", {}],
    [429, "RateLimitError", { "Retry-After": "2" }],
    [500, "InternalServerError", { "X-Request-Id": "r-1" }],
  ]) {
    emulator.fail({ on: "get", status, headers, body: { detail: "the words", code: "a_code" } });
    await assert.rejects(session.refresh(), (error) => {
      assert.equal(error.name, name);
      assert.equal(error.constructor.name, name);
      assert.ok(error instanceof sessionwire.APIStatusError);
      assert.equal(error.statusCode, status);
      assert.equal(error.code, "a_code");
      assert.equal(error.detail, "the words");
      assert.match(error.message, /^GET \/v1\/sessions\/.* answered \d+: the words\./);
      assert.deepEqual(JSON.parse(error.body), { detail: "the words", code: "a_code" });
      assert.equal(error.retryAfter, status === 429 ? 2000 : null);
      assert.equal(error.requestId, status === 500 ? "r-1" : null);
      assert.match(error.headers["content-type"], /json/);
      return true;
    });
  }
});

test("a deadline is an APITimeoutError", async () => {
  emulator.fail({ on: "list", hang: true });
  const quick = emulator.agi({ timeout: 50, maxRetries: 0 });
  await assert.rejects(quick.sessions.list(), (error) => {
    assert.ok(error instanceof sessionwire.APITimeoutError);
    assert.ok(error instanceof sessionwire.APIConnectionError);
    assert.equal(error.code, "ERR_SESSIONWIRE_TIMEOUT");
    return true;
  });
  await quick.close();
});

test("g03 an ambiguous failure of a message says maybeDelivered", async () => {
  emulator.fail({ on: "message", reset: true });
  emulator.fail({ on: "messages", status: 404, times: 0 });
  await assert.rejects(session.sendMessage("once"), (error) => {
    assert.ok(error instanceof sessionwire.APIConnectionError, error.stack);
    assert.equal(error.maybeDelivered, true);
    return true;
  });
  assert.equal(emulator.requests().filter((request) => request.method === "POST").length, 1);
});

test("a closed client says so", async () => {
  const other = emulator.agi();
  emulator.fail({ on: "list", hang: true });
  const listing = other.sessions.list();
  await until(() => emulator.requests().length > 0);
  await Promise.all([
    assert.rejects(listing, (error) => {
      assert.ok(error instanceof sessionwire.APIConnectionError);
      assert.equal(error.reason, "client_closed");
      assert.match(error.message, /client is closed/);
      return true;
    }),
    other.close(),
  ]);
  await assert.rejects(other.sessions.list(), /client is closed/);
  await other.close();
});

test("users can make errors for their own tests", () => {
  const error = new sessionwire.RateLimitError("slow down", { statusCode: 429, retryAfter: 500 });
  assert.equal(String(error), "RateLimitError: slow down");
  assert.equal(error.retryAfter, 500);
  assert.equal(error.requestId, null);
});
