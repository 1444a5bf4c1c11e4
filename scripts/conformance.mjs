/** Runs test/conformance-suite: `main.ts`, or with --page `main-page.ts`. Node 20 runs no TypeScript; the Vite in vitest does. */

import { fileURLToPath } from "node:url";
import { createViteServer } from "vitest/node";

const args = process.argv.slice(2);
const file = args.includes("--page") ? "main-page.ts" : "main.ts";
const vite = await createViteServer({
  configFile: false,
  root: fileURLToPath(new URL("..", import.meta.url)),
  appType: "custom",
  logLevel: "warn",
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
});
try {
  const { main } = await vite.ssrLoadModule(`/test/conformance-suite/${file}`);
  process.exitCode = await main(args);
} finally {
  await vite.close();
}
