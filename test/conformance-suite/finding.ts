/** What a rule found, in a few words. */

import { AssertionError } from "node:assert";
import { isDeepStrictEqual } from "node:util";

const MAX_LENGTH = 110;

export function findingOf(error: unknown): string {
  const text = error instanceof AssertionError ? describeAssertion(error) : messageOf(error);
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= MAX_LENGTH ? line : `${line.slice(0, MAX_LENGTH - 1)}…`;
}

function describeAssertion({ message, generatedMessage, actual, expected }: AssertionError): string {
  const [one, other] = firstDifference(actual, expected);
  const difference = `${show(one)} instead of ${show(other)}`;
  if (generatedMessage) return difference;
  // Newer versions of Node append the values to the rule's own words.
  const [words] = message.split("\n");
  // What was asserted to be true says nothing by its values.
  return expected === true ? `not so: ${words}` : `${words}: ${difference}`;
}

/** Of two lists as long as each other the members that differ. */
function firstDifference(actual: unknown, expected: unknown): readonly [unknown, unknown] {
  if (!Array.isArray(actual) || !Array.isArray(expected) || actual.length !== expected.length)
    return [actual, expected];
  const index = actual.findIndex((member, i) => !isDeepStrictEqual(member, expected[i]));
  return index < 0 ? [actual, expected] : firstDifference(actual[index], expected[index]);
}

function show(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined) return "nothing";
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return JSON.stringify(value, (_key, part: unknown) =>
    isBufferJson(part) ? `${part.data.length} bytes` : part,
  );
}

/** JSON.stringify calls a Buffer's toJSON before the replacer. */
function isBufferJson(part: unknown): part is { readonly data: readonly number[] } {
  return typeof part === "object" && part !== null && "type" in part && part.type === "Buffer";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
