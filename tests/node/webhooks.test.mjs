// The cases of tests/contract/webhooks.json, for Node, by the same ids.

import assert from "node:assert/strict";
import { test } from "node:test";
import { webhooks } from "sessionwire";
import { camel, cases, check, failure, value } from "./helpers.mjs";

/** A JSON value in which long texts are described. */
function deep(described) {
  if (described === null || typeof described !== "object" || Array.isArray(described)) {
    return described;
  }
  if (typeof described.repeat === "string") return value(described);
  return Object.fromEntries(Object.entries(described).map(([name, field]) => [name, deep(field)]));
}

function webhookBody(described) {
  const { text, bytes, ...fields } = deep(described);
  if (bytes !== undefined) return Buffer.from(bytes, "hex");
  return text ?? JSON.stringify(fields);
}

const KINDS = [
  "session.created",
  "session.status_changed",
  "session.deleted",
  "task.started",
  "task.completed",
  "task.question",
  "task.error",
];

/** Puts a time of a case as `parse` gives it: a date, or none and the text among the rest. */
function withTime(place, name, wireName) {
  const raw = place[name];
  const date = raw ? new Date(raw) : null;
  place[name] = date !== null && !Number.isNaN(date.getTime()) ? date : null;
  if (raw && place[name] === null) place.extra = { ...place.extra, [wireName]: raw };
}

function expectedWebhook(expect) {
  const { session, unknown: _, ...fields } = deep(expect);
  const wanted = {
    ...Object.fromEntries(Object.entries(fields).map(([name, field]) => [camel(name), field])),
    session: Object.fromEntries(
      Object.entries(session).map(([name, field]) => [camel(name), field]),
    ),
  };
  withTime(wanted, "timestamp", "timestamp");
  withTime(wanted.session, "createdAt", "created_at");
  return wanted;
}

/** The same headers as frameworks have them. */
function headerFormsOf(headers) {
  if (headers === undefined) return [undefined, null];
  const entries = Object.entries(headers);
  return [
    headers,
    new Headers(headers),
    new Map(entries),
    entries,
    entries.flat(),
    Object.fromEntries(entries.map(([name, value]) => [name, [value]])),
    Object.fromEntries(entries.map(([name, value]) => [name, Buffer.from(value)])),
    entries.map(([name, value]) => [Buffer.from(name), Buffer.from(value)]),
    { get: (name) => new Headers(headers).get(name) },
  ];
}

const webhookCalls = {
  parse({ body, headers, expect, error: refusal }) {
    const sent = webhookBody(body);
    const data = Buffer.from(sent);
    const forms = [sent, data, new Uint8Array(data), new Uint8Array(data).buffer];
    const headerForms = headerFormsOf(headers);
    for (const form of forms) {
      for (const headerForm of headerForms) {
        let event;
        try {
          event = webhooks.parse(form, headerForm);
        } catch (error) {
          check(error, refusal ?? { name: "none" });
          assert.ok(error instanceof webhooks.WebhookError);
          continue;
        }
        assert.equal(refusal, undefined, "nothing was thrown");
        const { key, ...found } = event;
        assert.match(key, /^[\w-]{24}$/);
        assert.deepEqual(found, expectedWebhook(expect));
        assert.equal(KINDS.includes(event.type), expect.unknown === undefined);
      }
    }
  },
  async url({ base, secret, expect, error }) {
    if (error !== undefined) check(await failure(() => webhooks.url(value(base), secret)), error);
    else assert.equal(webhooks.url(base, secret), expect);
  },
  verify({ target, secret, expect }) {
    assert.equal(webhooks.verify(target, secret), expect);
  },
  deduplicate({ bodies, capacity, expect }) {
    const repeats = new webhooks.Deduplicator(capacity);
    const found = [];
    let event;
    for (const item of bodies) {
      if (item === "forget") {
        repeats.forget(event);
        continue;
      }
      event = webhooks.parse(JSON.stringify(item));
      found.push(repeats.isRepeat(event));
    }
    assert.deepEqual(found, expect);
  },
};

for (const { id, call: name, ...rest } of cases("webhooks.json")) {
  test(id, () => webhookCalls[name](rest));
}
