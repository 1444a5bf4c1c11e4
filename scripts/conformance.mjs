/** The conformance suite against any server; with --page it measures ours and its peers, and writes docs/conformance.md. */

import { runTypeScript } from "./run-typescript.mjs";

const args = process.argv.slice(2);
const file = args.includes("--page") ? "main-page.ts" : "main.ts";
process.exitCode = await runTypeScript(`/test/conformance-suite/${file}`, args);
