import { afterEach, expect, test } from "vitest";
import { createLogger } from "../../src/observe/logger.ts";
import { createServer, type TurnpikeServer } from "../../src/server.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { testConfig } from "../support/test-config.ts";

const running: TurnpikeServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function startLogging(): Promise<{ server: TurnpikeServer; url: string; lines: string[] }> {
  const lines: string[] = [];
  const logger = createLogger({ level: "trace", stream: { write: (line: string) => void lines.push(line) } });
  const server = createServer(testConfig({ users: [{ name: "static", password: "a static password" }] }), {
    logger,
  });
  running.push(server);
  const { http } = await server.start();
  return { server, url: `ws://127.0.0.1:${http[0]?.port}/signal`, lines };
}

test("the log of a call says who joined and left and what ICE servers failed, and holds no secret, SDP, candidate, message or room name", async () => {
  const { server, url, lines } = await startLogging();
  const [first, second] = [await SignalingClient.open(url), await SignalingClient.open(url)];
  const joined = await first.join("a room name", { name: "a member name", token: "a join token" });
  await second.join("a room name");
  second.send({ type: "offer", description: { type: "offer", sdp: "v=0 an offer" } });
  second.send({ type: "candidate", candidate: { candidate: "candidate:1 1 udp 1 203.0.113.1 1 typ host" } });
  second.send({ type: "message", data: "a private word" });
  second.send({ type: "nonsense", data: "a private word" });
  await second.next("error");
  const failure = { code: 701, url: "turn:call.example:3478", text: "TURN allocate request timed out." };
  const hostile = { code: 702, url: "turn:secret user:secret@call.example", text: "v=0\r\nan offer" };
  const report = { to: joined.peer, state: "failed", errors: [failure, hostile] };
  second.send({ type: "report", report });
  second.send({ type: "leave" });
  await first.next("room-closed");
  await server.close();

  const messages = lines.map((line) => JSON.parse(line).msg);
  expect(messages.filter((message) => message === "member joined")).toHaveLength(2);
  expect(messages.filter((message) => message === "member left")).toHaveLength(2);
  const reports = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "call report");
  expect(reports).toMatchObject([{ state: "failed", errors: [failure, { code: hostile.code }] }]);
  const log = lines.join("");
  const credentials = joined.iceServers.flatMap(({ credential }) =>
    credential === undefined ? [] : [credential],
  );
  expect(credentials).not.toEqual([]);
  const secrets = ["the secret of the tests", "a static password", "a join token", joined.resumeToken];
  const words = ["a room name", "an offer", "203.0.113.1", "a private word", "secret user"];
  for (const text of [...credentials, ...secrets, ...words]) expect(log).not.toContain(text);
});

test("an authorize hook that throws refuses the join, is logged, and the next join is served", async () => {
  const lines: string[] = [];
  const logger = createLogger({ level: "error", stream: { write: (line: string) => void lines.push(line) } });
  const server = createServer(testConfig(), {
    logger,
    authorize({ room }) {
      if (room === "broken") throw new Error("the hook broke");
      return true;
    },
  });
  running.push(server);
  const { http } = await server.start();
  const url = `ws://127.0.0.1:${http[0]?.port}/signal`;
  const refused = await SignalingClient.open(url);
  refused.send({ type: "join", v: 1, room: "broken" });
  expect(await refused.next("error")).toMatchObject({ code: "unauthorized" });
  expect((await (await SignalingClient.open(url)).join("blue-fox")).created).toBe(true);
  expect(lines.map((line) => JSON.parse(line).err.message)).toEqual(["the hook broke"]);
});

test("a logger that throws does not keep anybody from joining", async () => {
  function broken(): void {
    throw new Error("disk full");
  }
  const server = createServer(testConfig(), {
    logger: { debug: broken, info: broken, warn: broken, error: broken },
  });
  running.push(server);
  const { http, admin } = await server.start();
  const client = await SignalingClient.open(`ws://127.0.0.1:${http[0]?.port}/signal`);
  expect((await client.join("blue-fox")).created).toBe(true);
  const metrics = await (await fetch(`http://127.0.0.1:${admin[0]?.port}/metrics`)).text();
  expect(metrics).toContain("turnpike_joins_total 1\n");
});
