/**
 * A client, or a session, as a tool for frameworks of agents.
 */

import { InvalidRequestError, QuestionPending, TaskError, TaskTimeout } from "../errors.js";
import type { TaskResult } from "./models.js";

/** What a model gives to the tool. */
export interface ToolInputData {
  /** What to do, in plain words, with all that one must know to do it. */
  task: string;
  /** The page to open first; null where it is not known. */
  start_url?: string | null | undefined;
}

/** What a model reads of its input: a JSON schema. */
export interface ToolParameters {
  /** An object. */
  type: "object";
  /** Its fields. */
  properties: {
    /** What to do. */
    task: { type: "string"; description: string };
    /** The page to open first. */
    start_url: { type: ("string" | "null")[]; description: string };
  };
  /** Those that are always there: a strict schema names every field. */
  required: ("task" | "start_url")[];
  /** No others. */
  additionalProperties: false;
}

/**
 * A tool as frameworks of agents read one: the Vercel AI SDK takes it as it is, OpenAI Agents by
 * `tool(...)`, LangChain by `new DynamicStructuredTool(...)`.
 */
export interface AgentTool {
  /** What a model calls it by. */
  readonly name: string;
  /** What a model reads of it. */
  readonly description: string;
  /** Its input, for OpenAI Agents. */
  readonly parameters: ToolParameters;
  /** Whether a model must keep to that. */
  readonly strict: true;
  /** Its input, for LangChain. */
  readonly schema: ToolParameters;
  /** Its input, for the Vercel AI SDK: a Standard Schema that knows its JSON schema. */
  readonly inputSchema: ToolSchema;
  /** Runs a task, and gives its result as text; where it fails, what failed. */
  readonly execute: (input: unknown, ...context: unknown[]) => Promise<string>;
  /** The same, for LangChain. */
  readonly func: (input: unknown, ...context: unknown[]) => Promise<string>;
}

/** The input of a tool as a Standard Schema (https://standardschema.dev). */
export interface ToolSchema {
  /** What every Standard Schema has. */
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => { value: ToolInputData };
    readonly jsonSchema: Record<"input" | "output", () => Record<string, unknown>>;
    readonly types?: { readonly input: ToolInputData; readonly output: ToolInputData } | undefined;
  };
}

/** How a tool calls itself. */
export interface ToolNames {
  /** What a model calls it by: letters, digits, `_` and `-`. Default: `run_browser_task`. */
  name?: string | undefined;
  /** What a model reads of it. */
  description?: string | undefined;
}

const PARAMETERS: ToolParameters = {
  type: "object",
  properties: {
    task: {
      type: "string",
      description: "What to do, in plain words, with all that one must know to do it.",
    },
    start_url: {
      type: ["string", "null"],
      description: "The page to open first, if it is known; else null.",
    },
  },
  required: ["task", "start_url"],
  additionalProperties: false,
};

const jsonSchema = () => ({ ...PARAMETERS });

/** By the symbol earlier versions of the Vercel AI SDK know their schemas. */
const SCHEMA: ToolSchema = Object.freeze({
  "~standard": {
    version: 1 as const,
    vendor: "sessionwire",
    // What is wrong is said by the call itself.
    validate: (value: unknown) => ({ value: value as ToolInputData }),
    jsonSchema: { input: jsonSchema, output: jsonSchema },
  },
  [Symbol.for("vercel.ai.schema")]: true,
  jsonSchema: PARAMETERS,
  validate: undefined,
});

/** What answers a call: the task, the page to open first, and the signal of a framework that gives up. */
export type ToolCall = (
  task: string,
  startUrl: string | undefined,
  signal: AbortSignal | undefined,
) => Promise<string>;

/**
 * Answers calls by a function that runs each task in a session of its own.
 * @internal
 */
export function inNewSessions(
  run: (...call: Parameters<ToolCall>) => Promise<TaskResult>,
): ToolCall {
  return async (...call) => {
    try {
      return told(await run(...call));
    } catch (error) {
      if (error instanceof QuestionPending) {
        return (
          `The browser's agent asks: ${error.question?.text} Nobody answered, and the task was given ` +
          "up. Call this tool again with a task that says the answer."
        );
      }
      if (error instanceof TaskError || error instanceof TaskTimeout) return failed(error);
      throw error;
    }
  };
}

/**
 * A tool whose calls this function answers.
 * @internal
 */
export function toolOf(names: ToolNames, call: ToolCall): AgentTool {
  const { name = "run_browser_task", description } = names;
  if (typeof name !== "string" || !/^[A-Za-z_][\w-]{0,63}$/.test(name)) {
    throw new InvalidRequestError(
      `\`name\` is ${JSON.stringify(name)}. Use letters, digits and \`_\`, such as run_browser_task.`,
    );
  }
  if (description !== undefined && typeof description !== "string") {
    throw new InvalidRequestError(`\`description\` must be a string, not ${typeof description}.`);
  }
  async function execute(input: unknown, ...context: unknown[]): Promise<string> {
    const { task, start_url } = (input ?? {}) as ToolInputData;
    return call(task, start_url || undefined, signalIn(context));
  }
  return {
    name,
    description:
      description ?? "Carries out a task in a web browser and gives what came of it, as text.",
    parameters: PARAMETERS,
    strict: true,
    schema: PARAMETERS,
    inputSchema: SCHEMA,
    execute,
    func: execute,
  };
}

/**
 * A result for a model: the text, or the JSON.
 * @internal
 */
export function told({ data }: TaskResult): string {
  return typeof data === "string" ? data : JSON.stringify(data);
}

/**
 * A failure for a model, which may try something else.
 * @internal
 */
export function failed(error: TaskError | TaskTimeout): string {
  return `The task failed: ${error.message}`;
}

/** The signal of a call, wherever a framework puts it. */
function signalIn(context: readonly unknown[]): AbortSignal | undefined {
  for (const one of context) {
    const { abortSignal, signal } = (one ?? {}) as Record<string, unknown>;
    for (const found of [abortSignal, signal]) {
      const like = found as AbortSignal | undefined | null;
      if (typeof like?.addEventListener === "function") return like;
    }
  }
  return undefined;
}
