/**
 * Scenarios, as documents.
 */

/**
 * What the agent does. Scenarios and faults are documents, the same in every language and on the
 * command line: names in snake case, durations in seconds.
 */
export interface Scenario {
  /** The first entry whose `match` fits the task plays. */
  tasks?: ScriptedTask[];
  /** The same for the turns of Raccoon. */
  turns?: ScriptedTurn[];
  /** How Raccoon speaks; it takes the place of the option `dialect`. */
  dialect?: Readonly<Record<string, unknown>>;
  /** Where an editor finds the schema: `sessionwire/scenario.schema.json`. */
  $schema?: string;
}

/** Raccoon: what the agent does with a turn. */
export interface ScriptedTurn {
  /** What a prompt must be like; default: any prompt. */
  match?: ScenarioMatch;
  /** The mode the turn must have; default: any mode. */
  mode?: string;
  /** What the agent does, in order. Without an ending the turn is completed. */
  steps: TurnStep[];
  /** For one turn only. */
  once?: boolean;
  /** Texts are taken as they are: nothing is put in for `{prompt}` and its like. */
  verbatim?: boolean;
}

/**
 * One step of a turn. Texts may hold `{prompt}`, `{mode}`, `{message}` and, in a repeat, `{n}`;
 * `after` is the seconds to wait before the step.
 */
export type TurnStep =
  | { delay: number }
  | ((
      | { thought: string; block?: string; finalize?: boolean }
      | { text: string; block?: string }
      | { tool: string; output?: unknown; status?: string; takes?: number }
      | { plan: (string | { id?: string; content: string; status?: string })[] }
      | { snapshot: string[]; deleted?: string[] }
      | { event: string; payload?: Record<string, unknown>; block_id?: string }
      | { repeat: number; steps: TurnStep[] }
      | { wait_for_message: true }
      | { wait_for_socket: true }
      | { wait_for_stop: true }
      | { complete: true | string }
      | { abort: string }
      | { error: string; code?: string }
    ) & { after?: number });

/** What a task does: its steps, or a fixed answer. */
export interface ScriptedTask {
  /** What a task must be like; default: any task. */
  match?: ScenarioMatch;
  /** What the agent does, in order. */
  steps: ScenarioStep[];
  /** For one task only. */
  once?: boolean;
  /** Texts are taken as they are: nothing is put in for `{answer}` and its like. */
  verbatim?: boolean;
}

/** A text that must be contained, or a regular expression that must be found. */
export type ScenarioMatch = string | { regex: string };

/** What follows on some answers to a question. */
export interface ScenarioAnswer {
  /** What the answer must be like; default: any answer. */
  match?: ScenarioMatch;
  /** What the agent does then; after them the script goes on. */
  steps: ScenarioStep[];
}

/**
 * One step. Texts may hold `{task}`, `{answer}`, `{message}` and, in a repeat, `{n}`; `after` is
 * the seconds to wait before the step.
 */
export type ScenarioStep =
  | { delay: number }
  | ((
      | { thought: string }
      | { step: string; url?: string; action?: string }
      | { log: string }
      | { question: string; answers?: ScenarioAnswer[] }
      | { repeat: number; steps: ScenarioStep[] }
      | { navigate: string }
      | { pause: true }
      | { wait_for_pause: true }
      | { wait_for_message: true }
      | { done: unknown }
      | { error: string; status_code?: number }
    ) & { after?: number });
