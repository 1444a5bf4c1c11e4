/** Runs test/named-packages/main.ts. Node 20 runs no TypeScript; the Vite in vitest does. */

import { fileURLToPath } from "node:url";
import { createViteServer } from "vitest/node";

const vite = await createViteServer({
  configFile: false,
  root: fileURLToPath(new URL("..", import.meta.url)),
  appType: "custom",
  logLevel: "warn",
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
});
try {
  const { main } = await vite.ssrLoadModule("/test/named-packages/main.ts");
  process.exitCode = (await main()) ? 0 : 1;
} finally {
  await vite.close();
}
