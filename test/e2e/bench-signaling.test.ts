/** `npm run bench:signaling -- --quick`, without the build: dist is there for all of these tests. No figure is held to anything. */

import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { CONTENDERS } from "../../bench/signaling/contenders.ts";
import { run } from "./support/child-process.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/bench-signaling.mjs", import.meta.url));

test("the signaling bench measures every server: all joins are answered, and all messages arrive", async () => {
  const { code, output } = await run([process.execPath, SCRIPT, "--quick"], { withinMs: 110_000 });
  expect(code, output).toBe(0);
  const rows = output.split("\n").filter((line) => line.startsWith("| "));
  const names = rows.map((row) => row.split("|")[1]?.trim());
  expect(names).toEqual(["server", ...CONTENDERS.map(({ name }) => name)]);
});

test("it says what it does not understand, and ends with the code for that", async () => {
  const { code, output } = await run([process.execPath, SCRIPT, "--server", "nothing"]);
  expect(code).toBe(64);
  expect(output).toContain("--server: nothing is none of turnpike,");
});
