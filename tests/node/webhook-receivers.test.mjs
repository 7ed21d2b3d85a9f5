// The receivers among the examples, with webhooks from the emulator.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mock, test } from "node:test";
import { serve } from "@hono/node-server";
import { Emulator, webhooks } from "sessionwire";
import { until } from "./helpers.mjs";

process.env.WEBHOOK_SECRET = "correct horse battery staple";
const secret = process.env.WEBHOOK_SECRET;

const receivers = {
  async express() {
    const { app } = await import("../../examples/node/webhooks-express.mjs");
    return app.listen(0, "127.0.0.1");
  },
  async hono() {
    const { app } = await import("../../examples/node/webhooks-hono.mjs");
    return serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
  },
};

async function post(url, body) {
  const answer = await fetch(url, { method: "POST", body });
  await answer.arrayBuffer();
  return answer.status;
}

for (const [name, start] of Object.entries(receivers)) {
  test(`${name} gets every kind`, async () => {
    const lines = [];
    const log = mock.method(console, "log", (line) => lines.push(line));
    const server = await start();
    if (!server.listening) await once(server, "listening");
    const emulator = await Emulator.start({
      stepDelay: 1,
      scenario: {
        tasks: [
          { match: "ask", steps: [{ question: "Which colour?" }, { done: "Got {answer}" }] },
          { match: "fail", steps: [{ error: "It broke" }] },
          { steps: [{ delay: 3600 }] },
        ],
      },
    });
    const client = emulator.agi();
    const shows = (line) => until(() => lines.includes(line), line);
    try {
      const base = `http://127.0.0.1:${server.address().port}/hook`;
      const url = webhooks.url(base, secret);
      const session = await client.sessions.create({ webhookUrl: url });
      await shows(`session.created: ${session.sessionId}`);
      const result = await session.runTask("ask me", { onQuestion: () => "blue" });
      assert.equal(result.data, "Got blue");
      await shows("task.started: ask me");
      await shows("task.question: Which colour?");
      await shows("task.completed: Got blue");
      await session.sendMessage("fail");
      await shows("task.error: It broke");
      await session.sendMessage("stay");
      await session.pause();
      await shows("session.status_changed: running -> paused");
      await session.cancel();
      await shows("session.status_changed: paused -> ready");
      await session.delete();
      await shows(`session.deleted: ${session.sessionId}`);

      // Who does not know the secret, what is no webhook, what came before.
      const strange = JSON.stringify({
        event: "moon.rose",
        timestamp: "2026-03-04T09:15:40Z",
        session: { id: "s1" },
      });
      assert.equal(await post(base, strange), 401);
      assert.equal(await post(webhooks.url(base, "another secret"), strange), 401);
      assert.equal(await post(url, "no JSON"), 400);
      assert.equal(await post(url, ""), 400);
      for (let n = 0; n < 3; n += 1) assert.equal(await post(url, strange), 200);
      await shows("moon.rose: s1");
      assert.equal(await post(url, strange.replace("moon", "sun")), 200);
      await shows("sun.rose: s1");
      assert.equal(lines.filter((line) => line.startsWith("moon.rose")).length, 1);
    } finally {
      await client.close();
      await emulator.close();
      server.close();
      server.closeAllConnections();
      log.mock.restore();
    }
  });
}
