/** The load generator: `node bench/dist/bench/generator/main.js --mode both …`; one line of JSON comes out. */

import { SetupError } from "./clients.ts";
import { openWire } from "./open-wire.ts";
import { parseOptions, UsageError } from "./options.ts";
import { run } from "./run.ts";

const EXIT_USAGE = 64;
const EXIT_SETUP = 2;

async function main(): Promise<number> {
  try {
    const options = parseOptions(process.argv.slice(2));
    const wire = await openWire(options.engine);
    console.log(JSON.stringify(await run(options, wire)));
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof SetupError)) throw error;
    console.error(error.message);
    return error instanceof UsageError ? EXIT_USAGE : EXIT_SETUP;
  }
}

// What is still open ends with the process.
process.exit(await main());
