// A turn that outlives its process: g01 and g03 in the cases of every language.

import { Play, play } from "./handle-cases.mjs";
import { until } from "./helpers.mjs";

/** One session of a case, of Raccoon. */
class TurnPlay extends Play {
  static file = "turn_handles.json";

  static scenario(agent) {
    return { turns: agent };
  }

  client() {
    return this.emulator.raccoon();
  }

  async begin() {
    const [own, other] = this.clients;
    this.session = own.session();
    this.other = this.attach(other);
  }

  attach(client) {
    return client.session(this.session.sessionId);
  }

  start(task) {
    return this.session.startTurn(task);
  }

  run(session, task) {
    return session.runTurn(task);
  }

  prepare({ task, options = {} }) {
    const { sdk_version: sdkVersion, base_prompt: basePrompt, ...rest } = options;
    return this.session.prepareTurn(task, { sdkVersion, basePrompt, ...rest });
  }

  wait() {
    return until(
      async () => (await this.other.lastTurn()).status !== "running",
      "the turn is over",
    );
  }

  message(text) {
    return this.task.sendMessage(text);
  }

  sent() {
    return this.emulator.requests({ method: "POST", path: "/sessions/new" });
  }
}

play(TurnPlay);
