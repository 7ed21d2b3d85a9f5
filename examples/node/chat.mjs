// A chat of ten turns: it branches, three readers follow one turn, and a killed process goes on.
//
// It runs on the emulator, without a key; its agent is the function `till` below. For the real
// service set RACCOON_API_KEY, and open `new Raccoon()` instead of the emulator and its client.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Emulator, Raccoon } from "sessionwire";

async function main() {
  const emulator = await Emulator.start({ turnAgent: till });
  const client = emulator.raccoon();
  try {
    const session = client.session();
    // The session remembers: a turn needs its prompt alone.
    for (const prompt of ["blue mug 12.50", "green mug 9.90", "teapot 31.00"]) {
      say("main", prompt, (await session.runTurn(prompt)).text);
    }

    await branchOff(client, session);
    say("main", "The sum?", (await session.runTurn("The sum?")).text);

    // Files: paths, bytes, Blobs, streams, or objects, in any mixture.
    const more = { name: "more.txt", content: Buffer.from("plate 7.00\nspoon 2.60\n") };
    say("main", "Add it", (await session.runTurn("Add it", { files: [more] })).text);

    await threeReaders(client, session);
    await killedAndResumed(session, emulator);
    say("main", "The sum?", (await session.runTurn("The sum?")).text);
  } finally {
    await client.close();
    await emulator.close();
  }
}

function say(who, prompt, answer) {
  console.log(`${who.padEnd(6)} > ${prompt}\n${"".padEnd(6)} < ${answer}`);
}

/** Goes on from the second turn in another way: a session of its own, with that history. */
async function branchOff(client, session) {
  const { messages } = await session.history();
  const history = messages.slice(0, 4).map(({ role, content }) => ({ role, content }));
  const branch = client.session();
  say("branch", "cup 4.20", (await branch.runTurn("cup 4.20", { history })).text);
  say("branch", "The sum?", (await branch.runTurn("The sum?")).text);
}

/** A handle has one loop at a time: each further reader attaches to the turn. */
async function threeReaders(client, session) {
  async function read(turn) {
    const ids = [];
    for await (const event of turn) ids.push(event.id);
    return { ids, text: (await turn.result()).text };
  }

  const first = await session.startTurn("Read the list");
  const attach = () => client.attach(first.sessionId, first.messageId);
  const readers = [first, await attach(), await attach()];
  const [one, ...more] = await Promise.all(readers.map(read));
  assert.deepEqual(more, [one, one]);
  say("main", "Read the list", `${one.text} (read three times)`);
}

/** A process is killed in the middle of a turn; a new one goes on after the last event. */
async function killedAndResumed(session, emulator) {
  const folder = mkdtempSync(join(tmpdir(), "chat-"));
  const journal = join(folder, "journal.jsonl");
  const address = { RACCOON_BASE_URL: emulator.raccoonUrl, RACCOON_API_KEY: emulator.apiKey };
  for (const who of ["first", "second"]) {
    const child = spawn(
      process.execPath,
      [fileURLToPath(import.meta.url), session.sessionId, journal],
      { env: { ...process.env, ...address }, stdio: ["ignore", "pipe", "inherit"] },
    );
    let lines = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      console.log(`${who.padEnd(6)} | ${line}`);
      lines += 1;
      if (who === "first" && lines === 3) child.kill("SIGKILL");
    }
  }
  const read = entriesOf(journal).flatMap(({ event }) => event ?? []);
  rmSync(folder, { recursive: true });
  const there = (await session.history()).messages.at(-1).events.map((event) => event.id);
  assert.deepEqual(read, there);
  console.log("events read once each");
}

/** What the processes do: starts a turn, or goes on where the journal ends. */
async function follow(sessionId, journal) {
  const client = new Raccoon(); // RACCOON_API_KEY, RACCOON_BASE_URL
  const last = entriesOf(journal).at(-1);
  let turn;
  if (last) {
    turn = await client.attach(last.point);
    await turn.sendMessage("go on");
  } else {
    turn = await client.session(sessionId).startTurn("Read the list, and wait");
    note(journal, turn, null);
  }
  for await (const event of turn) {
    note(journal, turn, event.id);
    console.log(event.type, event.text);
  }
  console.log((await turn.result()).text);
  await client.close();
}

/** Writes the event and the place after it at once: neither is there without the other. */
function note(journal, turn, event) {
  appendFileSync(journal, `${JSON.stringify({ event, point: turn.resumePoint })}\n`);
}

function entriesOf(journal) {
  const lines = existsSync(journal) ? readFileSync(journal, "utf8").trim().split("\n") : [];
  return lines.map((line) => JSON.parse(line));
}

const told = new Map(); // by session, such as "teapot 31.00"

/** The emulator's agent: adds up the prices that a conversation named. */
async function till(turn, agent) {
  const said = turn.history.filter(({ role }) => role === "user").map(({ content }) => content);
  // A session that begins with the history of another one knows what was said there.
  if (!told.has(turn.sessionId)) told.set(turn.sessionId, said);
  const items = told.get(turn.sessionId);
  if (/\d$/.test(turn.prompt)) items.push(turn.prompt);
  for (const { key } of turn.files) {
    const file = await agent.readFile(key);
    items.push(...(file?.content.toString().trim().split("\n") ?? []));
  }
  await agent.think(`${items.length} items`);
  if (turn.prompt.includes("list")) for (const item of items) await agent.say(`${item}, `);
  if (turn.prompt.includes("wait")) await agent.say(`${await agent.waitForMessage()}: `);
  const sum = items.reduce((total, item) => total + Number(item.split(" ").at(-1)), 0);
  await agent.say(`${sum.toFixed(2)} EUR`);
}

const [, , sessionId, journal] = process.argv;
await (sessionId === undefined ? main() : follow(sessionId, journal));
