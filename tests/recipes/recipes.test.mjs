// The 46 recipes of the service's reference in Node: one or two lines each.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Emulator, InvalidRequestError, TaskTimeout, webhooks } from "sessionwire";

const PAGE = "http://127.0.0.1:9/";
const HOOK = JSON.stringify({
  event: "task.completed",
  timestamp: "2026-03-04T09:15:27Z",
  session: { id: "s-1", status: "ready", agent_name: "agi-0" },
  result: { status: "success", message: "Bought", data: "Bought" },
});
const scenario = {
  tasks: [
    { match: "ask", once: false, steps: [{ question: "Which colour?" }, { done: "{answer}" }] },
    { match: "JSON", once: false, steps: [{ done: 'Here: {"price": 12}' }] },
    {
      match: "long",
      once: false,
      steps: [{ thought: "at work" }, { delay: 3600 }, { done: "late" }],
    },
    { once: false, steps: [{ thought: "Looking" }, { done: "Bought" }] },
  ],
};

/** What each recipe starts from (`needs`), does (`run`), and must bring (`check`). */
const RECIPES = [
  {
    run: async ({ client }) => {
      return (await client.runTask("mug")).messages;
    },
    check: ({ result, gone }) =>
      result.map(({ type }) => type).join() === "USER,THOUGHT,DONE" && gone(),
  },
  {
    run: async ({ client }) => {
      return (await client.runTask("mug", { agentName: "agi-0-fast" })).text;
    },
    check: ({ result, body, gone }) => result === "Bought" && body().agent_name === "agi-0-fast" && gone(),
  },
  {
    needs: ["session"],
    run: async ({ client, session }) => {
      return (await client.sessions.get(session.sessionId)).vncUrl;
    },
    check: ({ result }) => result.startsWith("http"),
  },
  {
    run: async ({ client }) => {
      await client.sessions.create({ webhookUrl: webhooks.url("https://shop.example/hook", "s3cret-word") });
      return webhooks.parse(HOOK).type;
    },
    check: ({ result, body }) => result === "task.completed" && !body().webhook_url.includes("s3cret"),
  },
  {
    needs: ["session"],
    run: async ({ client, session }) => {
      await session.delete({ saveSnapshotMode: "filesystem" });
      return await client.sessions.create({ restoreFromSessionId: session.sessionId });
    },
    check: ({ session, body }) => body(1).restore_from_session_id === session.sessionId,
  },
  {
    needs: ["session", "busy"],
    run: async ({ client }) => {
      const running = await client.sessions.list({ status: "running" });
      return running.map(({ sessionId, status, createdAt }) => [sessionId, status, createdAt]);
    },
    check: ({ result, busy }) => result.length === 1 && result[0][0] === busy.sessionId,
  },
  {
    needs: ["session", "busy"],
    run: async ({ client }) => {
      return await client.sessions.findOrCreate();
    },
    check: ({ result, session }) => result.sessionId === session.sessionId,
  },
  {
    needs: ["session"],
    run: async ({ session }) => {
      return (await session.isAlive()) && (await session.sendMessage("mug"));
    },
    check: ({ result }) => result.success,
  },
  {
    run: async ({ client }) => {
      return (await client.runTask("mug")).text;
    },
    check: ({ result, gone }) => result === "Bought" && gone(),
  },
  {
    needs: ["session"],
    run: async ({ client }) => {
      return await client.sessions.cleanup({ statuses: ["completed", "error"] });
    },
    check: ({ result }) => result.length === 0,
  },
  {
    needs: ["session"],
    run: async ({ client }) => {
      return await client.sessions.cleanup({ olderThan: 2 * 3_600_000, statuses: "any" });
    },
    check: ({ result, emulator }) => result.length === 0 && emulator.sessionCount === 1,
  },
  {
    needs: ["six"],
    run: async ({ client }) => {
      const oldest = (await client.sessions.list()).sort((a, b) => a.createdAt - b.createdAt).slice(0, -4);
      return [await Promise.all(oldest.map((each) => each.delete())), await client.sessions.create()];
    },
    check: ({ emulator }) => emulator.sessionCount === 5,
  },
  {
    needs: ["session"],
    run: async ({ session }) => {
      return [(await session.delete()).deleted, (await session.delete()).deleted];
    },
    check: ({ result, gone }) => result[0] && !result[1] && gone(),
  },
  {
    needs: ["session"],
    run: async ({ client }) => {
      return await client.sessions.deleteCreated();
    },
    check: ({ result, gone }) => result.length === 1 && result[0].deleted && gone(),
  },
  {
    needs: ["session"],
    run: async ({ session }) => {
      return await session.delete({ saveSnapshotMode: "filesystem", saveAsDefault: true });
    },
    check: ({ result, gone }) => result.deleted && gone(),
  },
  {
    needs: ["session", "busy"],
    run: async ({ client }) => {
      return await client.sessions.deleteAll();
    },
    check: ({ result, gone }) => result.success && gone(),
  },
  {
    needs: ["session"],
    run: async ({ session }) => {
      return await session.startTask("mug", { startUrl: PAGE });
    },
    check: ({ emulator }) =>
      emulator.requests({ path: "/v1/sessions/*/message" })[0].json().start_url === PAGE,
  },
  {
    needs: ["question"],
    run: async ({ question }) => {
      await question.answer("blue");
      return (await question.result()).text;
    },
    check: ({ result }) => result === "blue",
  },
  {
    needs: ["asking"],
    run: async ({ asking }) => {
      return await asking.wait();
    },
    check: ({ result }) => result === "waiting_for_input",
  },
  {
    needs: ["task"],
    run: async ({ task, seen }) => {
      for await (const event of task) seen.push([performance.now(), event.text]);
    },
    check: ({ seen }) => seen.map(([, text]) => text).join() === "Looking,Bought",
  },
  {
    needs: ["asking"],
    run: async ({ asking }) => {
      const [status, { messages }] = [await asking.wait(), await asking.messages()];
      return status === "waiting_for_input" ? messages.at(-1).text : status;
    },
    check: ({ result }) => result === "Which colour?",
  },
  {
    needs: ["session"],
    run: async ({ session }) => {
      return (await session.runTask("ask", { onQuestion: () => "blue" })).text;
    },
    check: ({ result }) => result === "blue",
  },
  {
    needs: ["session", "task"],
    run: async ({ session, seen }) => {
      for await (const message of session.followMessages({ pollInterval: 10 })) seen.push(message.text);
    },
    check: ({ seen }) => seen.join() === "mug,Looking,Bought",
  },
  {
    needs: ["session"],
    run: async ({ session }) => {
      const result = await session.runTask("JSON");
      return [result.text, result.json()];
    },
    check: ({ result }) => result[1].price === 12,
  },
  {
    needs: ["session"],
    run: async ({ session, seen }) => {
      const watch = { onEvent: (event) => seen.push(event.type), onQuestion: () => "blue" };
      return (await session.runTask("ask", watch)).text;
    },
    check: ({ result, seen }) => result === "blue" && seen.join() === "question,done",
  },
  {
    run: async ({ client, seen }) => {
      await client.runTask("mug", { onEvent: ({ type, text }) => seen.push(`${type} ${text}`) });
    },
    check: ({ seen, gone }) => seen.join() === "thought Looking,done Bought" && gone(),
  },
  {
    needs: ["asking"],
    run: async ({ asking }) => {
      const events = asking.events({ eventTypes: ["question", "done", "error"] });
      for await (const event of events) return event.type;
    },
    check: ({ result }) => result === "question",
  },
  {
    needs: ["busy"],
    run: async ({ busy }) => {
      for await (const event of busy.events({ maxReconnects: 3 })) return event.text;
    },
    check: ({ result }) => result === "at work",
  },
  {
    needs: ["busy"],
    run: async ({ busy, seen }) => {
      for await (const event of busy.events({ timeout: 200 })) seen.push(event);
    },
    check: ({ result }) => result instanceof TaskTimeout,
  },
  {
    needs: ["busy"],
    run: async ({ busy }) => {
      for await (const event of ReadableStream.from(busy.events())) return event.text;
    },
    check: ({ result }) => result === "at work",
  },
  {
    needs: ["busy"],
    run: async ({ busy }) => {
      await busy.paused(() => sleep(10));
    },
    check: ({ posts }) => posts(2) === "pause,resume",
  },
  {
    needs: ["busy"],
    run: async ({ busy }) => {
      await busy.paused(() => Promise.reject(new RangeError("nobody approved")));
    },
    check: ({ result, posts }) => result instanceof RangeError && posts(1) === "cancel",
  },
  {
    needs: ["busy"],
    run: async ({ busy }) => {
      await busy.paused(() => busy.sendMessage("Aisle seats only"));
    },
    check: ({ posts }) => posts(3) === "pause,message,resume",
  },
  {
    needs: ["busy"],
    run: async ({ busy }) => {
      const paused = [await busy.tryPause(), await busy.tryPause()];
      return [...paused, await busy.tryResume(), await busy.tryResume()];
    },
    check: ({ result }) => result.join() === "true,false,true,false",
  },
  {
    needs: ["busy"],
    run: async ({ busy }) => {
      return await busy.stop();
    },
    check: ({ result, posts }) => result.success && posts(1) === "cancel",
  },
  {
    needs: ["busy"],
    run: async ({ busy }) => {
      return (await (await busy.switchTo("mug")).result()).text;
    },
    check: ({ result, posts }) => result === "Bought" && posts(2) === "cancel,message",
  },
  {
    needs: ["session"],
    run: async ({ session }) => {
      await session.navigate(PAGE, { settle: 10 });
      return (await session.runTask("mug")).text;
    },
    check: ({ result, posts }) => result === "Bought" && posts(2) === "navigate,message",
  },
  {
    needs: ["session"],
    run: async ({ session }) => {
      return (await session.goto(PAGE)).redirected;
    },
    check: ({ result }) => result === false,
  },
  {
    needs: ["session"],
    run: async ({ session, seen }) => {
      for (const startUrl of [PAGE, PAGE]) seen.push((await session.runTask("mug", { startUrl })).text);
    },
    check: ({ seen }) => seen.join() === "Bought,Bought",
  },
  {
    needs: ["session"],
    run: async ({ session }) => {
      return await session.navigate("shop.example/cart");
    },
    check: ({ result }) => result instanceof InvalidRequestError,
  },
  {
    needs: ["session"],
    run: async ({ session, folder }) => {
      const shot = await session.screenshot();
      await shot.save(join(folder, "page.jpg"));
    },
    check: ({ folder }) => statSync(join(folder, "page.jpg")).size > 0,
  },
  {
    needs: ["session"],
    run: async ({ session }) => {
      return await session.screenshot();
    },
    check: ({ result }) => result.image.length > 0 && result.mimeType.startsWith("image/"),
  },
  {
    needs: ["session"],
    run: async ({ session }) => {
      return /thank you/i.test((await session.screenshot()).title);
    },
    check: ({ result }) => result === false,
  },
  {
    needs: ["session"],
    run: async ({ session, folder }) => {
      const shots = await session.screenshots({ every: 50, directory: folder });
      await session.runTask("mug").finally(() => shots.stop());
    },
    check: ({ folder }) => readdirSync(folder).length >= 1,
  },
  {
    run: async ({ client }) => {
      return (await client.runTask("The price of the mug. Return JSON.")).json();
    },
    check: ({ result }) => result.price === 12,
  },
  {
    run: async ({ client }) => {
      return (await client.request("GET", "/sessions")).statusCode;
    },
    check: ({ result }) => result === 200,
  },
];

async function working(client, task, status) {
  const session = await client.sessions.create();
  await session.sendMessage(task);
  while ((await session.executionStatus()) !== status) await sleep(1);
  while ((await session.messages()).messages.length < 2) await sleep(1);
  return session;
}

for (const [place, recipe] of RECIPES.entries()) {
  test(`recipe ${place + 1}`, async (t) => {
    const emulator = await Emulator.start({ stepDelay: 0, scenario });
    const [client, other] = [emulator.agi(), emulator.agi()];
    const folder = mkdtempSync(join(tmpdir(), "sessionwire-recipes-"));
    t.after(async () => {
      await client.close();
      await other.close();
      await emulator.close();
      rmSync(folder, { recursive: true });
    });
    const needs = recipe.needs ?? [];
    const world = { emulator, client, folder, seen: [] };
    world.body = (at = 0) => emulator.requests({ method: "POST", path: "/v1/sessions" })[at].json();
    world.gone = () => emulator.sessionCount === 0;
    world.posts = (count) => {
      const posts = emulator.requests({ method: "POST" }).slice(-count);
      return posts.map(({ path }) => path.split("/").at(-1)).join();
    };
    if (needs.includes("session")) world.session = await client.sessions.create();
    if (needs.includes("busy")) world.busy = await working(client, "long", "running");
    if (needs.includes("asking")) world.asking = await working(client, "ask", "waiting_for_input");
    if (needs.includes("six")) for (let at = 0; at < 6; at += 1) await other.sessions.create();
    if (needs.includes("task")) {
      const session = world.session ?? (await client.sessions.create());
      world.task = await session.startTask("mug");
    }
    if (needs.includes("question")) {
      world.question = await (await client.sessions.create()).startTask("ask");
      for await (const _ of world.question) break;
    }
    try {
      world.result = await recipe.run(world);
    } catch (error) {
      world.result = error;
    }
    assert.ok(recipe.check(world), String(world.result));
  });
}

test("every recipe has one or two lines", () => {
  assert.equal(RECIPES.length, 46);
  const lines = RECIPES.map(({ run }) => run.toString().split("\n").length - 2);
  console.log(lines.map((count, at) => `${String(at + 1).padStart(2)}: ${count}`).join("\n"));
  for (const count of lines) assert.ok(count === 1 || count === 2, String(lines));
});
