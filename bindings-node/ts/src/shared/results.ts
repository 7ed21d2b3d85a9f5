/**
 * What is in a result's text.
 */

import { TaskError } from "../errors.js";
import { native } from "../native.js";

/** Something that checks a result: a function, or an object with `parse` such as a zod schema. */
export type Validator<T> = ((value: unknown) => T) | { parse(value: unknown): T };

/** @internal */
export function jsonIn(text: string, sessionId: string): unknown {
  const found = native.findJson(text);
  if (found !== null) return JSON.parse(found);
  throw new TaskError("The result holds no JSON. Read `text`, or ask for JSON in the task.", {
    reason: "no_json",
    sessionId,
  });
}

/** @internal */
export function validated<T>(value: unknown, validator: Validator<T>): T {
  return typeof validator === "function" ? validator(value) : validator.parse(value);
}
