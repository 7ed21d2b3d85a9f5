// The activities of docs/temporal.md for a worker in Node: the same names, and the same JSON.

import { Context } from "@temporalio/activity";

/** How often a worker says that it lives, in milliseconds: less than the heartbeat timeout. */
const BEAT = 5000;

export function activities(client) {
  return {
    async "sessionwire.create_session"({ agent_name, options }) {
      const session = await client.sessions.create({ agentName: agent_name, extraBody: options });
      // It is the workflow's, which may wait while no worker lives.
      await client.sessions.release(session.sessionId);
      return session.sessionId;
    },

    async "sessionwire.prepare_task"({ session_id, task, start_url }) {
      const session = client.sessions.attach(session_id);
      return session.prepareTask(task, { startUrl: start_url ?? undefined });
    },

    async "sessionwire.run_task"({ handle, answer }) {
      const context = Context.current();
      let place = context.info.heartbeatDetails ?? handle;
      const beat = setInterval(() => context.heartbeat(place), BEAT);
      const task = await client.resume(place, { signal: context.cancellationSignal });
      const asked = ({ id, text }) => ({
        result: null,
        question: { id, text, session_id: task.sessionId, handle: task.handle() },
      });
      try {
        if (task.question) {
          // An earlier attempt may have answered: then its question is not open any more.
          if (task.question.id !== answer?.question_id) return asked(task.question);
          await task.answer(answer.text);
        }
        for await (const event of task) {
          place = task.handle();
          context.heartbeat(place);
          if (event.type === "question" && task.question) return asked(task.question);
        }
        const { text, data, sessionId } = await task.result();
        return { result: { text, data, session_id: sessionId, handle: place }, question: null };
      } finally {
        clearInterval(beat);
        await task.close();
      }
    },

    async "sessionwire.delete_session"({ session_id, cancel }) {
      const session = client.sessions.attach(session_id);
      // No task may be left to cancel; the delete ends the session in any case.
      if (cancel) await session.cancel().catch(() => {});
      return (await session.delete()).deleted;
    },
  };
}
