import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { udpWorker } from "./scripts/udp-worker.mjs";

function project(
  name: string,
  options: { testTimeout?: number; hookTimeout?: number; fileParallelism?: boolean } = {},
) {
  return { plugins: [udpWorker()], test: { name, include: [`test/${name}/**/*.test.ts`], ...options } };
}

/** Many tests wait for sockets: one file at a time, which is all that vitest runs on two cores, leaves most of them idle. */
const WORKERS = Math.max(3, availableParallelism());

export default defineConfig({
  test: {
    maxWorkers: WORKERS,
    projects: [
      project("unit"),
      project("conformance"),
      project("hostile", { testTimeout: 15_000 }),
      project("integration", { testTimeout: 15_000 }),
      project("fuzz", { testTimeout: 60_000 }),
      // The hooks start browsers: on a busy machine that takes longer than the usual ten seconds.
      project("e2e", { testTimeout: 120_000, hookTimeout: 60_000, fileParallelism: false }),
    ],
  },
});
