// A process of `make kills`: the twin of worker.py.
//
//   node worker.mjs task|turn URL KEY LEDGER FOLDER

import { once } from "node:events";
import { appendFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Agi, Raccoon } from "sessionwire";

/** What a process leaves to the one that takes its place: small files, each written whole. */
class State {
  constructor(folder) {
    this.folder = folder;
  }

  read(name) {
    try {
      return readFileSync(join(this.folder, name), "utf8");
    } catch (error) {
      if (error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  write(name, text) {
    // In one piece: whoever reads it finds the old text or the new one.
    const unfinished = join(this.folder, `${name}.${process.pid}`);
    writeFileSync(unfinished, text);
    renameSync(unfinished, join(this.folder, name));
  }

  note(name, text) {
    appendFileSync(join(this.folder, name), `${text}\n`);
  }

  phase(name) {
    this.note("phases", `${process.pid} ${name} ${Date.now() / 1000}`);
  }
}

async function beginTask(client, state) {
  let sessionId = state.read("session");
  if (sessionId === undefined) {
    sessionId = (await client.sessions.create()).sessionId;
    state.write("session", sessionId);
  }
  state.phase("created");
  return client.sessions.attach(sessionId).prepareTask(`Buy ${basename(state.folder)}`);
}

async function beginTurn(client, state) {
  const session = client.session(state.read("session"));
  state.write("session", session.sessionId);
  state.phase("created");
  return session.prepareTurn(`Buy ${basename(state.folder)}`);
}

async function buy(client, state, begin) {
  let handle = state.read("handle");
  if (handle === undefined) {
    handle = await begin(client, state);
    state.write("handle", handle);
    state.phase("prepared");
  }
  const work = await client.resume(handle);
  state.phase("sent");
  for await (const event of work) {
    state.note("events", `${process.pid} ${event.id} ${event.type}`);
    state.phase("reading");
    if (event.type === "question" && work.question !== null) {
      state.phase("asked");
      await work.answer("blue");
      state.phase("answered");
    }
    state.write("handle", work.handle());
  }
  state.phase("read");
  state.write("result", (await work.result()).text);
  await work.close();
  state.phase("done");
}

const [kind, baseUrl, apiKey, ledger, folder] = process.argv.slice(2);
process.stdout.write("ready\n");
await once(process.stdin, "data");
process.stdin.destroy();
const state = new State(folder);
state.phase("begun");
const client = kind === "task" ? new Agi({ baseUrl, apiKey, ledger }) : new Raccoon({ baseUrl, apiKey });
await buy(client, state, kind === "task" ? beginTask : beginTurn);
await client.close();
