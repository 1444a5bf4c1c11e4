/** Whether the files of TLS can be used, told like whatever else is wrong with a configuration. */

import { readFileSync } from "node:fs";
import type { ConfigIssue } from "../config/config-error.ts";
import type { Inspect } from "../config/sources.ts";
import { isFilePath } from "../config/values.ts";
import { findCertificateProblems } from "../server.ts";

/** Looks at each file that is named, alone too, and at the pair. */
export const inspectTlsFiles: Inspect = (input, locate) => {
  if (typeof input !== "object" || input === null) return [];
  const { tlsCert, tlsKey } = input;
  const problems = findCertificateProblems(contentOf(tlsCert), contentOf(tlsKey));
  return problems.map(({ file, message }): ConfigIssue => {
    const [key, path] = file === "cert" ? ["tlsCert", tlsCert] : ["tlsKey", tlsKey];
    return { path: key, where: `${locate([key])} ${path}`, message };
  });
};

/** The file's bytes, or why it cannot be read; undefined where no file is named. */
function contentOf(path: unknown): Buffer | Error | undefined {
  if (typeof path !== "string" || !isFilePath(path)) return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
