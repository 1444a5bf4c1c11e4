/** What on a command line is no flag and no value of one, told without quoting what may be a secret. */

import { closestTo } from "../config/closest.ts";
import type { ConfigIssue } from "../config/config-error.ts";
import { SETTINGS } from "../config/schema.ts";

/** The flag that a word stands behind. */
interface Owner {
  /** The known flag that was written or most likely meant. */
  readonly flag: string | undefined;
  readonly isKnown: boolean;
  readonly isSecret: boolean;
  /** Where on the command line the flag stands. */
  readonly index: number;
}

/** A word's flag, and how many words behind it the word stands. */
interface Place {
  readonly owner: Owner;
  readonly distance: number;
}

const SECRET_FLAGS: ReadonlySet<string> = new Set(
  SETTINGS.filter((one) => one.secret).map(({ flag }) => flag),
);

/** `left` are the words of `args` that no flag has taken; `known` are the long names of all flags. */
export function findStrangers(
  args: readonly string[],
  left: readonly string[],
  known: readonly string[],
): ConfigIssue[] {
  const owners = findOwners(args, known);
  const issues = left.flatMap((word) => describeStranger(word, owners.get(word), known));
  const isSame = (a: ConfigIssue, b: ConfigIssue) => a.path === b.path && a.message === b.message;
  return issues.filter((issue, index) => issues.findIndex((one) => isSame(one, issue)) === index);
}

/** What stands behind an unknown flag is taken for its values. */
function describeStranger(word: string, place: Place | undefined, known: readonly string[]): ConfigIssue[] {
  const owner = place?.owner;
  if (owner?.isSecret && owner.flag !== undefined) {
    const message = `word ${place?.distance} behind it is no flag; if it is a value, write ${owner.flag}=VALUE for each`;
    return owner.isKnown ? [{ path: owner.flag, where: owner.flag, message }] : [];
  }
  if (word.startsWith("-")) {
    const [flag = word] = word.split("=");
    const meant = closestTo(flag, known);
    const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
    return [{ path: flag, where: flag, message: meant === flag ? "takes no value" : `is no flag${hint}` }];
  }
  if (owner !== undefined && !owner.isKnown) return [];
  return [{ path: word, where: JSON.stringify(word), message: "is no command, and no flag takes it" }];
}

/** For every word the flag before it. A word that stands behind several is a secret if it is one behind any of them. */
function findOwners(args: readonly string[], known: readonly string[]): Map<string, Place> {
  const places = new Map<string, Place>();
  let owner: Owner | undefined;
  for (const [index, word] of args.entries()) {
    // Behind "--" no flag takes anything.
    if (word === "--" && !owner?.isSecret) owner = undefined;
    if (word === "--") continue;
    const [written = word] = word.split("=");
    const flag = word.startsWith("-") ? closestTo(written, known) : undefined;
    // A secret may begin with a dash: behind its flag only what looks like another flag ends its values.
    if (flag !== undefined || (word.startsWith("-") && !owner?.isSecret)) {
      owner = {
        flag,
        isKnown: flag === written,
        isSecret: flag !== undefined && SECRET_FLAGS.has(flag),
        index,
      };
    } else if (owner !== undefined && !places.get(word)?.owner.isSecret) {
      places.set(word, { owner, distance: index - owner.index });
    }
  }
  return places;
}
