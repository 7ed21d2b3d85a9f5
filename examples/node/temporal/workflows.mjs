// A workflow that buys: its question waits for a signal, and its session is deleted on every way out.

import {
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  proxyActivities,
  setHandler,
} from "@temporalio/workflow";

const agent = proxyActivities({ startToCloseTimeout: "1 hour", heartbeatTimeout: "30 seconds" });

export const answer = defineSignal("answer");
export const question = defineQuery("question");

export async function buy(item) {
  let open = null;
  let given = null;
  setHandler(question, () => open);
  setHandler(answer, (text) => {
    given = text;
  });
  const session_id = await agent["sessionwire.create_session"]({
    agent_name: "agi-0",
    options: {},
  });
  let isDone = false;
  try {
    const task = { session_id, task: `Buy ${item}`, start_url: null };
    let next = { handle: await agent["sessionwire.prepare_task"](task), answer: null };
    for (;;) {
      const step = await agent["sessionwire.run_task"](next);
      if (step.result) {
        isDone = true;
        return step.result.text;
      }
      open = step.question.text;
      await condition(() => given !== null);
      next = {
        handle: step.question.handle,
        answer: { question_id: step.question.id, text: given },
      };
      open = given = null;
    }
  } finally {
    // Also where the workflow is cancelled.
    await CancellationScope.nonCancellable(() =>
      agent["sessionwire.delete_session"]({ session_id, cancel: !isDone }),
    );
  }
}
