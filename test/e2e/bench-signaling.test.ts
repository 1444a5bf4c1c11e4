/** `npm run bench:signaling -- --quick` and `npm run bench:rooms`, without the build: dist is there for all of these tests. No figure is held to anything. */

import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { CONTENDERS } from "../../bench/signaling/contenders.ts";
import { run } from "./support/child-process.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/bench-signaling.mjs", import.meta.url));
const ROOMS_SCRIPT = fileURLToPath(new URL("../../scripts/bench-rooms.mjs", import.meta.url));

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

test("the rooms bench: all join, all is said, and others join beside them", async () => {
  const few = ["--rooms", "20", "--idle-seconds", "1", "--late-joins", "3"];
  const { code, output } = await run([process.execPath, ROOMS_SCRIPT, ...few], { withinMs: 60_000 });
  expect(code, output).toBe(0);
  expect(output).toContain("20 rooms, 40 WebSockets");
  expect(output).toMatch(/a join beside them, one at a time \| p50 [\d.]+ ms/);
});

test("the rooms bench says how many files it needs where the shell allows too few, and does not begin", async () => {
  const limited = ["bash", "-c", 'ulimit -n 500; exec "$0" "$@"', process.execPath, ROOMS_SCRIPT];
  const { code, output } = await run([...limited, "--rooms", "9900"]);
  expect(code).toBe(1);
  expect(output).toContain("ulimit -n 19900, or --rooms 200");
});
