import { defineConfig } from "vitest/config";

function project(name: string, options: { testTimeout?: number; fileParallelism?: boolean } = {}) {
  return { test: { name, include: [`test/${name}/**/*.test.ts`], ...options } };
}

export default defineConfig({
  test: {
    projects: [
      project("unit"),
      project("conformance"),
      project("hostile", { testTimeout: 15_000 }),
      project("integration", { testTimeout: 15_000 }),
      project("fuzz", { testTimeout: 60_000 }),
      project("e2e", { testTimeout: 120_000, fileParallelism: false }),
    ],
  },
});
