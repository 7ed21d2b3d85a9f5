// Tasks in BullMQ workers of which one is killed: each task is sent once, and finished.
//
// A handle is made here, where nobody kills; a worker only goes on with it, and BullMQ gives what a
// dead one had to the next. It runs on the emulator, without a key. Needs `npm install bullmq` and a
// Redis: REDIS_PORT=6379 node bullmq.mjs

import { fork } from "node:child_process";
import { once } from "node:events";
import { Queue, QueueEvents, Worker } from "bullmq";
import { Agi, Emulator } from "sessionwire";

const connection = { host: "127.0.0.1", port: Number(process.env.REDIS_PORT ?? 6379) };
const queueName = "sessionwire-recipe";

function work() {
  const client = new Agi();
  const finish = async (job) => {
    process.send("at work");
    const task = await client.resume(job.data.handle);
    return (await task.result()).text;
  };
  // How soon a dead worker is noticed, and how many times a job may lose its worker.
  const options = { lockDuration: 2000, stalledInterval: 1000, maxStalledCount: 10 };
  new Worker(queueName, finish, { connection, ...options });
}

async function main() {
  const emulator = await Emulator.start();
  const client = emulator.agi();
  const env = { ...process.env, AGI_BASE_URL: emulator.url, AGI_API_KEY: emulator.apiKey };
  const queue = new Queue(queueName, { connection });
  const events = new QueueEvents(queueName, { connection });
  await events.waitUntilReady();
  const workers = [1, 2].map(() => fork(import.meta.filename, ["worker"], { env }));
  const sessions = [];
  const jobs = [];
  for (const item of ["mug", "cup", "bowl", "plate"]) {
    const session = await client.sessions.create();
    sessions.push(session);
    const handle = await session.prepareTask(`What does the ${item} cost?`);
    jobs.push(await queue.add("finish", { handle }));
  }
  await once(workers[0], "message");
  workers[0].kill("SIGKILL");
  const results = await Promise.all(jobs.map((job) => job.waitUntilFinished(events)));
  const sent = emulator.requests({ method: "POST", path: "/v1/sessions/*/message" }).length;
  console.log(`${results.length} results, ${sent} tasks sent`);
  workers[1].kill();
  await queue.obliterate({ force: true });
  await Promise.all([queue.close(), events.close()]);
  for (const session of sessions) await session.delete();
  await client.close();
  await emulator.close();
}

await (process.argv[2] === "worker" ? work() : main());
