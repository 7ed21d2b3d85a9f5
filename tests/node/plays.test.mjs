// The scenarios of examples/scenarios/, played: the same cases as in Python.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Emulator, TaskError } from "sessionwire";
import { cases, using } from "./helpers.mjs";

const scenarioOf = (id) =>
  fileURLToPath(
    new URL(`../../examples/scenarios/${id.replace("plays/", "")}.yaml`, import.meta.url),
  );

/** Plays one run; gives the data of its result, and fails where something else came. */
async function runTask(session, run) {
  const task = await session.startTask(run.task, { startUrl: run.start_url });
  const events = [];
  for await (const event of task) {
    events.push(event);
    if (event.type === "question") await task.answer(run.answers[event.text]);
    else if (event.type === "paused" && run.resumes) await session.resume();
    else if (run.says?.[event.text] !== undefined) await session.sendMessage(run.says[event.text]);
  }
  const seen = events.filter(({ type }) => type !== "paused" && type !== "resumed");
  if (run.events !== undefined) {
    assert.deepEqual(
      seen.map(({ type, text }) => [type, text]),
      run.events,
    );
  }
  if (run.types !== undefined) {
    assert.deepEqual(
      seen.map(({ type }) => type),
      run.types,
    );
    for (const [at, fields] of run.fields.entries()) {
      const names = Object.keys(fields);
      assert.deepEqual(
        Object.fromEntries(names.map((name) => [name, seen[at].data[name]])),
        fields,
      );
    }
  }
  const told = (await session.messages()).messages.filter(({ type }) => type !== "USER");
  if (run.metadata !== undefined) {
    assert.deepEqual(
      told.map(({ metadata }) => metadata),
      run.metadata,
    );
  }
  if (run.seconds !== undefined) {
    assert.equal((told.at(-1).timestamp - told[0].timestamp) / 1000, run.seconds);
  }
  if (run.error !== undefined) {
    await assert.rejects(task.result(), (error) => {
      assert.ok(error instanceof TaskError, error.stack);
      assert.ok(error.message.includes(run.error), error.message);
      return true;
    });
    assert.equal(events.at(-1).data.status_code, run.status_code);
    return undefined;
  }
  const result = await task.result();
  if (run.text !== undefined) assert.equal(result.text, run.text);
  if (run.data !== undefined) assert.deepEqual(result.data, run.data);
  return result.data;
}

async function runTurn(session, run) {
  const files = Object.entries(run.files ?? {}).map(([name, content]) => ({ name, content }));
  const turn = await session.startTurn(run.prompt, { files });
  for await (const event of turn) {
    const said = run.says?.[event.text];
    if (said !== undefined) await turn.sendMessage(said);
  }
  if (run.error !== undefined) {
    await assert.rejects(turn.result(), (error) => error.message.includes(run.error));
  } else {
    assert.equal((await turn.result()).text, run.text);
  }
}

/** The results of the runs, each in its session. */
async function played({ id, parallel }, runs) {
  return await using(
    await Emulator.start({ scenario: scenarioOf(id), clock: "fast" }),
    async (emulator) =>
      await using(emulator.agi(), async (agi) =>
        using(emulator.raccoon(), async (raccoon) => {
          const sessions = new Map();
          const one = async (run) => {
            const make = () =>
              run.prompt === undefined
                ? agi.sessions.create({ agentName: run.agent })
                : raccoon.session();
            const session = sessions.get(run.session) ?? (await make());
            if (run.session !== undefined) sessions.set(run.session, session);
            return await (run.prompt === undefined ? runTask : runTurn)(session, run);
          };
          if (parallel) return await Promise.all(runs.map(one));
          const results = [];
          for (const run of runs) results.push(await one(run));
          return results;
        }),
      ),
  );
}

for (const each of cases("plays.json")) {
  test(each.id, async () => {
    const results = await played(each, each.runs);
    if (each.parallel) {
      assert.deepEqual(
        results.map(({ summary }) => summary),
        each.results,
      );
    }
  });
}
