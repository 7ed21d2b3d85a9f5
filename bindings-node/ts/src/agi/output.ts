/**
 * A result that shall fit a schema: what is asked for, and what again.
 */

import { errorFrom, InvalidRequestError, TaskError } from "../errors.js";
import { native } from "../native.js";
import type { TaskResult } from "./models.js";

// Here, so that the errors, which everything needs, need no result.
declare module "../errors.js" {
  interface TaskError {
    /** What came, where it does not fit `output` (`reason`: `no_json`, `unexpected_shape`); else null. */
    result: TaskResult | null;
  }
}

/** What a Standard Schema says of a value. */
export type StandardResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<StandardIssue> };

/** What is wrong with a value, and where. */
export interface StandardIssue {
  /** What does not fit, for a person. */
  readonly message: string;
  /** Where it is in the result. */
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** A schema of any library that follows https://standardschema.dev, such as zod, valibot or arktype. */
export interface StandardSchema<T = unknown> {
  /** What every Standard Schema has: its version, who made it, and how it checks. */
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<T> | Promise<StandardResult<T>>;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
  };
}

/** What a result shall fit: a schema, with its JSON schema where it does not know that itself. */
export type OutputSchema<T = unknown> =
  | StandardSchema<T>
  | { readonly schema: StandardSchema<T>; readonly jsonSchema: object };

/** How a result is made to fit a schema. */
export interface OutputOptions<T = unknown> {
  /**
   * What the result shall fit: any Standard Schema (zod, valibot, arktype). Its JSON schema is put to
   * the task, and the result's `output` is what the schema makes of the result.
   */
  output?: OutputSchema<T> | undefined;
  /**
   * How often the agent is asked again, in the same session, for a result that fits. Each is a task
   * of its own. Default: 0.
   */
  repairs?: number | undefined;
  /** Puts the JSON schema to the task. False: the task itself says what is wanted. Default: true. */
  describeOutput?: boolean | undefined;
}

/**
 * The `output` of one call, and the results that did not fit it.
 * @internal
 */
export class Wanted<T> {
  readonly #schema: StandardSchema<T>;
  readonly #described: string | undefined;
  readonly #repairs: number;
  readonly #refused: TaskResult[] = [];
  #error: TaskError | undefined;

  /** Undefined where nothing is wanted. */
  static of<T>(options: OutputOptions<T>): Wanted<T> | undefined {
    const { output, repairs = 0 } = options;
    if (!Number.isSafeInteger(repairs) || repairs < 0) {
      throw new InvalidRequestError(
        `\`repairs\` must be how often the agent may be asked again, not ${String(repairs)}. Pass 0, 1, ...`,
      );
    }
    if (output !== undefined) return new Wanted(output, repairs, options.describeOutput ?? true);
    if (repairs === 0) return undefined;
    throw new InvalidRequestError(
      "`repairs` needs `output`: the schema that the result shall fit.",
    );
  }

  private constructor(output: OutputSchema<T>, repairs: number, describe: boolean) {
    const given = isStandard(output) ? output : output?.schema;
    if (!isStandard(given)) {
      throw new InvalidRequestError(
        "`output` is no Standard Schema. Pass a schema of zod, valibot or arktype, or `{ schema, jsonSchema }`.",
      );
    }
    this.#schema = given;
    this.#repairs = repairs;
    if (describe) this.#described = described(output, given);
  }

  /** The task in the words that also ask for this type. */
  ask(message: string): string {
    if (this.#described === undefined) return message;
    const asked = native.askFor(message, this.#described);
    if (typeof asked === "string") return asked;
    throw errorFrom(asked);
  }

  /**
   * Fills in `output`; else gives what is to be sent to the same session. Rejects with a `TaskError`
   * where there are no more repairs.
   */
  async judge(result: TaskResult): Promise<string | undefined> {
    result.refused.push(...this.#refused);
    const found = await this.#read(result.data);
    if (found !== undefined && "value" in found) {
      Object.assign(result, { output: found.value });
      return undefined;
    }
    const problem = found?.problem;
    const error = new TaskError(native.doesNotFit(problem, this.#refused.length), {
      reason: problem === undefined ? "no_json" : "unexpected_shape",
      sessionId: result.sessionId,
    });
    error.result = result;
    if (found?.thrown !== undefined) error.cause = found.thrown;
    this.#error = error;
    // What is no matter of the result would be the same again.
    if (this.#refused.length === this.#repairs || found?.thrown !== undefined) throw error;
    this.#refused.push(result);
    return native.askAgain(problem, this.#described);
  }

  /** A repair failed: its error leads to the result that did not fit. */
  lost(failure: unknown): void {
    let first = failure;
    const seen = new Set<unknown>();
    // What somebody threw because of something else leads there by that.
    while (first instanceof Error && first.cause !== undefined && !seen.has(first)) {
      seen.add(first);
      first = first.cause;
    }
    if (first instanceof Error && first !== this.#error && Object.isExtensible(first)) {
      if (first.cause === undefined) first.cause = this.#error;
    }
  }

  /**
   * A result as the schema has it: of the pieces of JSON in a text the last one that fits, else the
   * text itself, such as an enum's value or a date.
   */
  async #read(data: unknown): Promise<Read<T>> {
    if (typeof data !== "string") return this.#validated(data);
    let misfit: Read<T>;
    let longest = 0;
    for (const found of native.findAllJson(data)) {
      const read = await this.#validated(JSON.parse(found));
      if (!("problem" in read)) return read;
      // What is said of several is said of the longest.
      if (found.length > longest) {
        misfit = read;
        longest = found.length;
      }
    }
    const text = data.trim();
    const whole = text === "" ? undefined : await this.#validated(text);
    return whole !== undefined && "value" in whole ? whole : misfit;
  }

  async #validated(value: unknown): Promise<NonNullable<Read<T>>> {
    try {
      const checked = await this.#schema["~standard"].validate(value);
      if (checked.issues === undefined) return { value: checked.value };
      return { problem: checked.issues.map(issueText).join("\n") };
    } catch (thrown) {
      return { problem: String(thrown), thrown };
    }
  }
}

/** What fits, or what is wrong; undefined where there is no JSON. */
type Read<T> = { value: T } | { problem: string; thrown?: unknown } | undefined;

function isStandard<T>(output: OutputSchema<T> | undefined): output is StandardSchema<T> {
  // A schema of arktype is a function.
  const may = (typeof output === "object" && output !== null) || typeof output === "function";
  return may && typeof (output as StandardSchema<T>)["~standard"]?.validate === "function";
}

/** The JSON schema as a text: as it was given, or as the schema's library makes it. */
function described<T>(output: OutputSchema<T>, schema: StandardSchema<T>): string {
  let found: unknown;
  try {
    found = "jsonSchema" in output ? output.jsonSchema : ownJsonSchema(schema);
  } catch (error) {
    throw new InvalidRequestError(
      `\`output\` has no JSON schema: ${String(error)}. Pass \`{ schema, jsonSchema }\`, or describe the result in the task, with \`describeOutput: false\`.`,
    );
  }
  if (typeof found === "object" && found !== null) return JSON.stringify(found);
  throw new InvalidRequestError(
    "`output` does not know its JSON schema. Pass `{ schema, jsonSchema }`, or describe the result in the task, with `describeOutput: false`.",
  );
}

/** What the libraries offer: Standard JSON Schema, zod's and arktype's own. */
interface KnowsJsonSchema {
  readonly "~standard": {
    readonly jsonSchema?: { input(options: { target: string }): unknown };
  };
  toJSONSchema?(options: { io: string }): unknown;
  toJsonSchema?(): unknown;
}

function ownJsonSchema(schema: object): unknown {
  const knows = schema as KnowsJsonSchema;
  // What goes in is asked for: the agent writes it, and the schema makes of it what comes out.
  const standard = knows["~standard"].jsonSchema;
  if (standard !== undefined) return standard.input({ target: "draft-2020-12" });
  return knows.toJSONSchema?.({ io: "input" }) ?? knows.toJsonSchema?.();
}

function issueText({ message, path = [] }: StandardIssue): string {
  const keys = path.map((key) => String(typeof key === "object" ? key.key : key));
  return keys.length === 0 ? message : `${keys.join(".")}: ${message}`;
}
