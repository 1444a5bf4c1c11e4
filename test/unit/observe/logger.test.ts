import { describe, expect, test } from "vitest";
import { createLogger, type LogLevel } from "../../../src/observe/logger.ts";

function capture(level: LogLevel = "info") {
  const lines: string[] = [];
  const logger = createLogger({ level, stream: { write: (line: string) => void lines.push(line) } });
  return { logger, lines };
}

describe("the log", () => {
  test("is JSON lines with level, time and message", () => {
    const { logger, lines } = capture();
    logger.info({ peer: "p1" }, "member joined");
    const line = JSON.parse(lines[0] ?? "");
    expect(line).toMatchObject({ level: "info", peer: "p1", msg: "member joined" });
    expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  test("leaves out what is below its level", () => {
    const { logger, lines } = capture("warn");
    logger.info({}, "no");
    logger.debug({}, "no");
    logger.warn({}, "yes");
    logger.error({}, "yes");
    expect(lines).toHaveLength(2);
    const silent = capture("silent");
    silent.logger.error({}, "no");
    expect(silent.lines).toEqual([]);
  });

  test.each([
    ["secrets", { secrets: ["s3cr3t"] }],
    ["passwords of users", { users: { password: "s3cr3t" } }],
    ["passwords in a list", { users: [{ name: "u", password: "s3cr3t" }] }],
    ["credentials in iceServers", { reply: { iceServers: [{ credential: "s3cr3t" }] } }],
    ["a credential", { server: { credential: "s3cr3t" } }],
    ["an application's token", { join: { token: "s3cr3t" } }],
    ["a resume token", { resumeToken: "s3cr3t" }],
    ["cookies and authorization", { headers: { cookie: "s3cr3t", authorization: "s3cr3t" } }],
    ["SDP", { offer: { description: { sdp: "s3cr3t" } } }],
    ["candidates", { message: { candidate: "s3cr3t" } }],
  ])("never shows %s", (_name, fields) => {
    const { logger, lines } = capture();
    logger.info(fields, "line");
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain("s3cr3t");
    expect(lines[0]).toContain("[redacted]");
  });

  test("shows an error's message and stack", () => {
    const { logger, lines } = capture();
    logger.error({ err: new Error("defect") }, "failed");
    const line = JSON.parse(lines[0] ?? "");
    expect(line.err.message).toBe("defect");
    expect(line.err.stack).toContain("logger.test.ts");
  });
});
