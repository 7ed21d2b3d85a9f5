// Loops over the events of one task or turn: one at a time, in the cases of every language.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Emulator, InvalidRequestError } from "sessionwire";
import { all, cases, failure, using } from "./helpers.mjs";

const begin = [{ thought: "a" }, { thought: "b" }];
const rest = [{ wait_for_message: true }, { thought: "c" }];
const scenario = {
  tasks: [{ steps: [...begin, ...rest, { done: "d" }] }],
  turns: [{ steps: [{ wait_for_socket: true }, ...begin, ...rest, { complete: true }] }],
};

function checkRefused(error, of) {
  assert.ok(error instanceof InvalidRequestError, String(error));
  assert.ok(error.message.includes(`events of this ${of}`), error.message);
}

/** The next thought of a loop. */
async function thought(loop) {
  for (;;) {
    const { value, done } = await loop.next();
    if (done) throw new Error("no more thoughts");
    if (value.type === "thought") return value.text;
  }
}

function thoughts(events) {
  return events.filter((event) => event.type === "thought").map((event) => event.text);
}

/** Plays the steps of a case with a handle. */
async function play({ of, play }, handle) {
  const loops = new Map();
  const waiting = new Map();
  for (const step of play) {
    if (step.do === "go_on") await handle.sendMessage("Go on");
    if (step.do === "close") await handle.close();
    if (step.loop === undefined) continue;
    if (!loops.has(step.loop)) loops.set(step.loop, handle[Symbol.asyncIterator]());
    const loop = loops.get(step.loop);
    const whole = () => all({ [Symbol.asyncIterator]: () => loop });
    if ("reads" in step) {
      for (const text of step.reads) assert.equal(await thought(loop), text);
    } else if ("rest" in step) {
      assert.deepEqual(thoughts(await whole()), step.rest);
    } else if ("refused" in step) {
      checkRefused(await failure(() => loop.next()), of);
      checkRefused(await failure(() => loop.next()), of);
    } else if ("fails" in step) {
      assert.equal((await failure(whole)).name, step.fails);
    } else if ("waits" in step) {
      const outcome = thought(loop).then(
        (text) => ({ text }),
        (error) => ({ error }),
      );
      waiting.set(step.loop, outcome);
    } else {
      const { text, error } = await waiting.get(step.loop);
      if (step.waited === null) checkRefused(error, of);
      else assert.equal(text, step.waited, error);
    }
  }
}

for (const each of cases("loops.json")) {
  test(each.id, async () =>
    using(await Emulator.start({ stepDelay: 0, scenario }), async (emulator) => {
      if (each.fault !== undefined) emulator.fail(each.fault);
      const client = each.of === "task" ? emulator.agi() : emulator.raccoon();
      await using(client, async () => {
        const handle =
          each.of === "task"
            ? await (await client.sessions.create()).startTask("go")
            : await client.session().startTurn("go");
        await using(handle, () => play(each, handle));
      });
    }),
  );
}
