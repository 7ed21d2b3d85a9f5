// A worker, and somebody who wants a mug. It runs on the emulator, without a key, and needs Temporal's
// development server: npm install, temporal server start-dev, node run.mjs

import { fileURLToPath } from "node:url";
import { Client, Connection } from "@temporalio/client";
import { NativeConnection, Worker } from "@temporalio/worker";
import { Emulator } from "sessionwire";
import { activities } from "./activities.mjs";

const address = process.env.TEMPORAL_ADDRESS ?? "localhost:7233";
const steps = [
  { thought: "Looking" },
  { question: "Which colour?" },
  { done: "Bought in {answer}" },
];
const emulator = await Emulator.start({ scenario: { tasks: [{ steps }] } });
const agi = emulator.agi();
const native = await NativeConnection.connect({ address });
const worker = await Worker.create({
  connection: native,
  taskQueue: "agents",
  workflowsPath: fileURLToPath(new URL("workflows.mjs", import.meta.url)),
  activities: activities(agi),
});
await worker.runUntil(async () => {
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  const workflowId = `buy-${Date.now()}`;
  const handle = await client.workflow.start("buy", {
    args: ["the blue mug"],
    taskQueue: "agents",
    workflowId,
  });
  let open = await handle.query("question");
  while (open === null) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    open = await handle.query("question");
  }
  console.log(open);
  await handle.signal("answer", "blue");
  console.log(await handle.result());
  await connection.close();
});
const count = (method, path) => emulator.requests({ method, path }).length;
const creates = count("POST", "/v1/sessions");
const messages = count("POST", "/v1/sessions/*/message");
const deletes = count("DELETE", "/v1/sessions/*");
console.log(`${creates} create, ${messages} messages, ${deletes} delete`);
await native.close();
await agi.close();
await emulator.close();
