import { expect, test } from "vitest";
import { createLogger } from "../../../src/observe/logger.ts";
import { createProxyLog } from "../../../src/observe/proxy-log.ts";

test("a trusted proxy that is not understood is named at once, later ones once a minute with the number of those between", () => {
  const lines: object[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
  let nowMs = 0;
  const refused = createProxyLog(createLogger({ level: "warn", stream }), () => nowMs);
  for (const proxy of ["10.0.0.1", "10.0.0.2", "10.0.0.3"]) refused(proxy);
  expect(lines).toMatchObject([{ level: "warn", proxy: "10.0.0.1", othersSinceLastLine: 0 }]);
  nowMs = 60_000;
  refused("10.0.0.4");
  expect(lines.slice(1)).toMatchObject([{ proxy: "10.0.0.4", othersSinceLastLine: 2 }]);
});
