/** What is known of one setting besides its values: where it may be given, and why it exists. */

import { z } from "zod";

export type SettingGroup =
  | "Ports and addresses"
  | "TLS"
  | "TURN"
  | "Rooms"
  | "Several nodes"
  | "Operation"
  | "Limits";

export interface SettingInfo {
  readonly group: SettingGroup;
  /** What the value stands for in `--help`; undefined for a switch. */
  readonly value?: string;
  /** One sentence: what it is for, and its unit. */
  readonly about: string;
  /** Of a switch that can be on: what it is like without. */
  readonly aboutWithout?: string;
  /** Flag and environment variable when they are not the key's own: `secret` for `secrets`. */
  readonly name?: string;
  /** How the default reads in `--help` where it depends on something. */
  readonly defaultText?: string;
  /** Its values never appear in an error. */
  readonly secret?: true;
}

/** A setting as flags, environment and documentation know it. */
export interface Setting extends SettingInfo {
  /** ["limits", "maxRooms"]. */
  readonly path: readonly string[];
  /** "limits.maxRooms". */
  readonly key: string;
  /** "--max-rooms". */
  readonly flag: string;
  /** "TURNPIKE_MAX_ROOMS". */
  readonly variable: string;
  readonly kind: "switch" | "number" | "text" | "list";
  /** As in the configuration file; undefined where there is none. */
  readonly default: unknown;
}

const registry = z.registry<SettingInfo>();

/** Says of a schema which setting it checks. */
export function setting<S extends z.ZodType>(schema: S, info: SettingInfo): S {
  registry.add(schema, info);
  return schema;
}

/** Every setting of a schema, in its order; objects are walked through. */
export function settingsOf(schema: z.ZodObject, above: readonly string[] = []): Setting[] {
  return Object.entries(schema.shape).flatMap(([name, part]) => {
    const path = [...above, name];
    const info = registry.get(part);
    if (info !== undefined) return [describe(path, part as z.ZodType, info)];
    const inner = unwrap(part as z.ZodType);
    if (inner instanceof z.ZodObject) return settingsOf(inner, path);
    throw new Error(`no setting: ${path.join(".")}`);
  });
}

function describe(path: readonly string[], schema: z.ZodType, info: SettingInfo): Setting {
  const name = info.name ?? path.at(-1) ?? "";
  const words = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return {
    ...info,
    path,
    key: path.join("."),
    flag: `--${words}`,
    variable: `TURNPIKE_${words.replaceAll("-", "_").toUpperCase()}`,
    kind: kindOf(unwrap(schema)),
    default:
      schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault ? schema.def.defaultValue : undefined,
  };
}

function kindOf(schema: z.ZodType): Setting["kind"] {
  if (schema instanceof z.ZodBoolean) return "switch";
  if (schema instanceof z.ZodNumber) return "number";
  if (schema instanceof z.ZodArray) return "list";
  return "text";
}

/** The schema that looks at what was written: without default, optional and what is made of it. */
function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault)
    return unwrap(schema.def.innerType as z.ZodType);
  if (schema instanceof z.ZodPipe) return unwrap(schema.def.in as z.ZodType);
  return schema;
}
