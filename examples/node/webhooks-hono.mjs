// Receives webhooks with Hono.
//
// npm install sessionwire hono @hono/node-server
// WEBHOOK_SECRET=... node webhooks-hono.mjs

import { fileURLToPath } from "node:url";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { webhooks } from "sessionwire";

const secret = process.env.WEBHOOK_SECRET; // webhookUrl: webhooks.url("https://.../hook", secret)
const repeats = new webhooks.Deduplicator();

export const app = new Hono();

app.post("/hook", async (context) => {
  if (!webhooks.verify(context.req.url, secret)) return context.body(null, 401);
  let event;
  try {
    event = webhooks.parse(await context.req.arrayBuffer(), context.req.raw.headers);
  } catch (error) {
    if (!(error instanceof webhooks.WebhookError)) throw error;
    return context.text(error.message, 400);
  }
  // After the answer: the service waits 5 seconds for it.
  if (!repeats.isRepeat(event)) setImmediate(work, event);
  return context.body(null, 200);
});

function work(event) {
  switch (event.type) {
    case "task.started":
      console.log(`${event.type}: ${event.message}`);
      break;
    case "task.question":
      console.log(`${event.type}: ${event.question}`);
      break;
    case "task.completed":
      console.log(`${event.type}: ${event.result.message}`);
      break;
    case "task.error":
      console.log(`${event.type}: ${event.error}`);
      break;
    case "session.status_changed":
      console.log(`${event.type}: ${event.oldStatus} -> ${event.newStatus}`);
      break;
    default: // session.created, session.deleted, and kinds that are still to come
      console.log(`${event.type}: ${event.session.id}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serve({ fetch: app.fetch, port: 8000 });
