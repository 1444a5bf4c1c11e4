import { fileURLToPath } from "node:url";
import { createViteServer } from "vitest/node";
import { udpWorker } from "./udp-worker.mjs";

/**
 * Calls `main(args)` of a TypeScript module, named from the checkout's root: "/test/named-packages/main.ts". Node 20 runs no
 * TypeScript; the Vite in vitest does.
 */
export async function runTypeScript(module, args = []) {
  const vite = await createViteServer({
    configFile: false,
    plugins: [udpWorker()],
    root: fileURLToPath(new URL("..", import.meta.url)),
    appType: "custom",
    logLevel: "warn",
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true },
  });
  try {
    const { main } = await vite.ssrLoadModule(module);
    return await main(args);
  } finally {
    await vite.close();
  }
}
