/** The run that the mode names. Rejects with SetupError where the server does not do what it must for it. */

import { runChurn, runHold } from "./allocations.ts";
import { runBinding } from "./binding.ts";
import type { GeneratorOptions } from "./options.ts";
import type { RunResult } from "./result.ts";
import { runStream } from "./stream.ts";
import type { Wire } from "./wire.ts";

export function run(options: GeneratorOptions, wire: Wire): Promise<RunResult> {
  if (options.mode === "binding") return runBinding(options, wire);
  if (options.mode === "churn") return runChurn(options, wire);
  if (options.mode === "hold") return runHold(options, wire);
  return runStream(options, wire);
}
