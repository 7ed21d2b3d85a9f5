// Receives webhooks with Express.
//
// npm install sessionwire express
// WEBHOOK_SECRET=... node webhooks-express.mjs

import { fileURLToPath } from "node:url";
import express from "express";
import { webhooks } from "sessionwire";

const secret = process.env.WEBHOOK_SECRET; // webhookUrl: webhooks.url("https://.../hook", secret)
const repeats = new webhooks.Deduplicator();

export const app = express();

// The raw body: no JSON middleware before it.
app.post("/hook", express.raw({ type: () => true, limit: "16mb" }), (request, response) => {
  if (!webhooks.verify(request.originalUrl, secret)) return response.sendStatus(401);
  let event;
  try {
    event = webhooks.parse(request.body ?? "", request.headers);
  } catch (error) {
    if (!(error instanceof webhooks.WebhookError)) throw error;
    return response.status(400).send(error.message);
  }
  // After the answer: the service waits 5 seconds for it.
  if (!repeats.isRepeat(event)) setImmediate(work, event);
  return response.sendStatus(200);
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

if (process.argv[1] === fileURLToPath(import.meta.url)) app.listen(8000);
