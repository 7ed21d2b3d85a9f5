// Many tasks at once.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import {
  Emulator,
  InvalidRequestError,
  QuestionPending,
  TaskError,
  TaskTimeout,
} from "sessionwire";
import { all, failure, until } from "./helpers.mjs";

const MIXED = {
  tasks: [
    { match: "fail", steps: [{ error: "sold out" }] },
    { match: "ask", steps: [{ question: "colour?" }, { done: "asked {answer}" }] },
    { match: "long", steps: [{ thought: "on it" }, { done: "late", after: 3600 }] },
    { steps: [{ done: "ready" }] },
  ],
};

/** A test with an emulator and a client of it. */
function scene(name, work, { emulator: setup = {}, client: options = {} } = {}) {
  test(name, async () => {
    const emulator = await Emulator.start({ stepDelay: 1, scenario: MIXED, ...setup });
    const client = emulator.agi(options);
    try {
      await work(emulator, client);
    } finally {
      await client.close();
      await emulator.close();
    }
  });
}

scene(
  "each task has its outcome, and no more run at once than allowed",
  async (emulator, client) => {
    const tasks = ["one", "fail", "two", "ask", "three"];
    const outcomes = await all(client.runTasks(tasks, { concurrency: 2 }));
    outcomes.sort((a, b) => a.index - b.index);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.task),
      tasks,
    );
    for (const index of [0, 2, 4]) {
      assert.equal(outcomes[index].result.text, "ready");
      assert.equal(outcomes[index].error, null);
    }
    assert.ok(outcomes[1].error instanceof TaskError);
    assert.equal(outcomes[1].result, null);
    assert.ok(outcomes[3].error instanceof QuestionPending);
    assert.equal(emulator.sessionCount, 0);
    assert.deepEqual(emulator.requests({ status: 503 }), []);
  },
  { emulator: { sessionLimit: 2 } },
);

scene(
  "a limit is waited for where asked",
  async (_emulator, client) => {
    const outcomes = await all(client.runTasks(["one", "two"], { waitForLimit: 60_000 }));
    assert.deepEqual(
      outcomes.map((outcome) => outcome.error),
      [null, null],
    );
  },
  { emulator: { sessionLimit: 1 } },
);

scene("questions are answered, and a handler that throws fails its task", async (_, client) => {
  let asked = 0;
  const onQuestion = async () => {
    asked += 1;
    if (asked === 2) throw new RangeError("no idea");
    return "green";
  };
  const outcomes = await all(client.runTasks(["ask", "ask"], { concurrency: 1, onQuestion }));
  assert.equal(outcomes[0].result.text, "asked green");
  assert.ok(outcomes[1].error instanceof RangeError);
});

scene("an answer that takes its time holds no other outcome up", async (_, client) => {
  let give;
  const answer = new Promise((resolve) => {
    give = resolve;
  });
  const tasks = [];
  for await (const { task, error } of client.runTasks(["ask", "short"], {
    onQuestion: () => answer,
  })) {
    assert.equal(error, null);
    tasks.push(task);
    if (task === "short") give("green");
  }
  assert.deepEqual(tasks, ["short", "ask"]);
});

scene(
  "a session that cannot be deleted is a warning, and the result stays",
  async (emulator, client) => {
    emulator.fail({ on: "delete", status: 500 });
    const warned = once(process, "warning");
    const [{ result }] = await all(client.runTasks(["one"]));
    assert.equal(result.text, "ready");
    const [warning] = await warned;
    assert.equal(warning.name, "SessionwireWarning");
    assert.match(warning.message, /could not be deleted/);
    assert.equal(emulator.sessionCount, 1);
  },
  { client: { maxRetries: 0 } },
);

scene("a timeout is each task's own", async (emulator, client) => {
  const outcomes = await all(client.runTasks(["long", "short"], { timeout: 1000 }));
  const [short, long] = outcomes;
  assert.equal(short.error, null);
  assert.ok(long.error instanceof TaskTimeout);
  assert.equal(emulator.sessionCount, 0);
});

scene("g05: leaving the loop deletes the sessions", async (emulator, client) => {
  for await (const { task } of client.runTasks(["long", "long", "short", "long"])) {
    assert.equal(task, "short");
    break;
  }
  assert.equal(emulator.sessionCount, 0);
});

scene("g05: aborting deletes the sessions", async (emulator, client) => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const running = failure(() => all(client.runTasks(["long"], { signal: controller.signal })));
  await until(() => emulator.sessionCount === 1);
  controller.abort(reason);
  assert.equal(await running, reason);
  assert.equal(emulator.sessionCount, 0);
});

scene(
  "g05: closing the client ends the tasks and deletes the sessions",
  async (emulator, client) => {
    const running = all(client.runTasks(["long", "long"]));
    await until(() => emulator.sessionCount === 2);
    await client.close();
    const outcomes = await running;
    assert.deepEqual(
      outcomes.map((outcome) => outcome.error.reason),
      ["client_closed", "client_closed"],
    );
    assert.equal(emulator.sessionCount, 0);
  },
);

scene("nothing starts before it is asked for", async (emulator, client) => {
  const outcomes = client.runTasks(["one"]);
  await outcomes.return();
  assert.deepEqual(emulator.requests(), []);
});

scene("bad input is refused at once", async (emulator, client) => {
  for (const [tasks, options] of [
    [["fine", ""]],
    ["a text"],
    [["fine", 5]],
    [["fine"], { onQuestion: "yes" }],
    [["fine"], { concurrency: 0 }],
    [["fine"], { timeout: -1 }],
    [["fine"], { saveAsDefault: true }],
  ]) {
    assert.throws(() => client.runTasks(tasks, options), InvalidRequestError);
  }
  assert.deepEqual(await all(client.runTasks([])), []);
  assert.deepEqual(emulator.requests(), []);
});
