/**
 * Scenarios, as documents.
 */

import type { Fault } from "./faults.js";

/**
 * What the agent does. Scenarios and faults are documents, the same in every language and on the
 * command line: names in snake case, durations in seconds.
 */
export interface Scenario {
  /** The first entry whose `match` fits the task plays. */
  tasks?: ScriptedTask[];
  /** The same for the turns of Raccoon. */
  turns?: ScriptedTurn[];
  /** From which every `choose` draws. Default: 0. */
  seed?: number;
  /** How Raccoon speaks; it takes the place of the option `dialect`. */
  dialect?: Readonly<Record<string, unknown>>;
  /** Where an editor finds the schema: `sessionwire/scenario.schema.json`. */
  $schema?: string;
}

/** Raccoon: what the agent does with a turn. */
export interface ScriptedTurn {
  /** What a turn must be like; default: any turn. */
  match?: TurnMatch;
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
      | {
          event: string;
          payload?: Record<string, unknown>;
          block_id?: string;
          frame?: Record<string, unknown>;
        }
      | RepeatStep<TurnStep>
      | IfStep<TurnStep>
      | ChooseStep<TurnStep>
      | { wait_for_message: true; save?: string }
      | { fault: string | Fault }
      | { socket: CutStream }
      | { wait_for_socket: true }
      | { wait_for_stop: true }
      | { complete: true | string }
      | { abort: string }
      | { error: string; code?: string }
    ) & { after?: number });

/** What a task does: its steps, or a fixed answer. */
export interface ScriptedTask {
  /** What a task must be like; default: any task. */
  match?: TaskMatch;
  /** What the agent does, in order. */
  steps: ScenarioStep[];
  /** For one task only. */
  once?: boolean;
  /** Texts are taken as they are: nothing is put in for `{answer}` and its like. */
  verbatim?: boolean;
}

/** A text that must be contained, an expression that must be found, or the whole text. */
export type ScenarioMatch = string | { regex: string } | { equals: string };

/** What values under names must be like; `null`: any value. */
export type ScenarioConditions = Readonly<Record<string, ScenarioMatch | null>>;

/** What tasks and turns may be matched by, beside their text. */
export interface EntryMatch {
  /** An expression that must be found in the text. */
  regex?: string;
  /** The whole text. */
  equals?: string;
  /** The how manyth session since the scenario was set, or its id. */
  session?: number | string;
  /** The how manyth it is of those that fit all the rest. */
  nth?: number;
  /** The how manyth of its session it is. */
  nth_in_session?: number;
  /** What was saved earlier in the session. */
  answers?: ScenarioConditions;
}

/** What a task must be like: its text, or several wishes. */
export type TaskMatch =
  | string
  | (EntryMatch & { task?: ScenarioMatch; start_url?: ScenarioMatch; agent?: ScenarioMatch });

/** What a turn must be like: its prompt, or several wishes. */
export type TurnMatch =
  | string
  | (EntryMatch & {
      prompt?: ScenarioMatch;
      /** A file that goes with it. */
      file?: string | { name?: ScenarioMatch; content?: ScenarioMatch };
    });

/** How a stream or socket ends at a point of a script. */
export type CutStream = "reset" | "close" | "end" | "silence";

/** Plays steps so often, or until conditions hold. */
interface RepeatStep<Step> {
  repeat: number;
  steps: Step[];
  until?: ScenarioConditions;
  else?: Step[];
}

/** Plays steps where conditions hold. */
interface IfStep<Step> {
  if: ScenarioConditions;
  steps?: Step[];
  else?: Step[];
}

/** Plays one of several, by the seed. */
interface ChooseStep<Step> {
  choose: (string | { weight?: number; text?: string; steps?: Step[] })[];
  save?: string;
}

/** What an event says beside its step. */
interface Said {
  /** Further fields of the event's data. */
  data?: Record<string, unknown>;
  /** The metadata of the message. */
  metadata?: Record<string, unknown>;
}

/** What follows on some answers to a question. */
export interface ScenarioAnswer {
  /** What the answer must be like; default: any answer. */
  match?: ScenarioMatch;
  /** What the agent does then; after them the script goes on. */
  steps: ScenarioStep[];
}

/**
 * One step. Texts may hold `{task}`, `{answer}`, `{message}`, saved names and, in a repeat, `{n}`; `after` is
 * the seconds to wait before the step.
 */
export type ScenarioStep =
  | { delay: number }
  | ((
      | ({ thought: string } & Said)
      | ({ step: string; url?: string; action?: string } & Said)
      | ({ log: string } & Said)
      | ({
          question: string;
          answers?: ScenarioAnswer[];
          save?: string;
          context?: Record<string, unknown>;
        } & Said)
      | RepeatStep<ScenarioStep>
      | IfStep<ScenarioStep>
      | ChooseStep<ScenarioStep>
      | { wait_for_message: true; save?: string }
      | { fault: string | Fault }
      | { navigate: string }
      | { pause: true }
      | { wait_for_pause: true }
      | { wait_for_stream: true }
      | { event: string; data?: Record<string, unknown>; id?: boolean }
      | { stream: CutStream }
      | ({ done: unknown } & Said)
      | ({ error: string; status_code?: number; details?: Record<string, unknown> } & Said)
    ) & { after?: number });
