// The calls of the shared cases: one table, for every test that makes them by name.

import { camelKeys } from "./helpers.mjs";

/** Makes a case's call of AGI, by the name that the cases give it; without arguments one that works. */
export async function call(name, args, client, session) {
  const { sessionId, message, url, ...options } = camelKeys(args);
  const sessions = client.sessions;
  const calls = {
    models: () => client.models(),
    request: () => client.request("GET", "/models"),
    run_tasks: () => client.runTasks(["go"]),
    list: () => sessions.list(),
    create: () => sessions.create(options),
    attach: () => sessions.attach(sessionId),
    get: () => sessions.get(sessionId ?? session.sessionId),
    delete: () => sessions.delete(sessionId ?? session.sessionId),
    cleanup: () => sessions.cleanup(),
    refresh: () => session.refresh(),
    delete_session: () => session.delete(options),
    message: () => session.sendMessage(message ?? "hello", options),
    run_task: () => session.runTask(message ?? "go"),
    start_task: () => session.startTask(message ?? "go"),
    status: () => session.executionStatus(),
    messages: () => session.messages(options),
    events: () => session.events(options),
    screenshot: () => session.screenshot(),
    pause: () => session.pause(),
    resume: () => session.resume(),
    cancel: () => session.cancel(),
    stop: () => session.stop(),
    wait: () => session.wait(),
    record: () => session.record(),
    delete_all: () => sessions.deleteAll(),
    navigate: () => session.navigate(url ?? "http://127.0.0.1:9/"),
  };
  return calls[name]();
}
