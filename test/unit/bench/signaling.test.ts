import { describe, expect, test } from "vitest";
import { BASELINE, CONTENDERS } from "../../../bench/signaling/contenders.ts";
import type { RunResult } from "../../../bench/signaling/measure.ts";
import { CANDIDATE_LIST, MESSAGES_PER_ROOM, OFFER } from "../../../bench/signaling/messages.ts";
import { parseOptions } from "../../../bench/signaling/options.ts";
import { table } from "../../../bench/signaling/report.ts";
import { parseRoomsOptions } from "../../../bench/signaling/rooms-options.ts";

describe("the command line of the signaling bench", () => {
  test("without flags is every server", () => {
    expect(parseOptions([])).toMatchObject({ servers: CONTENDERS, isQuick: false, isJson: false });
    expect(parseOptions(["--help"])).toBeUndefined();
  });

  test("takes runs, rooms and servers", () => {
    const options = parseOptions(["--runs", "2", "--rooms", "30", "--at-once", "4", "--server", BASELINE]);
    expect(options).toMatchObject({ runs: 2, rooms: 30, atOnce: 4 });
    expect(options?.servers.map(({ name }) => name)).toEqual([BASELINE]);
  });

  test.each([
    [["--runs", "0"], "--runs"],
    [["--rooms", "many"], "--rooms"],
    [["--at-once", ""], "--at-once"],
    [["--server", "coturn"], "--server: coturn"],
    [["--fast"], "--fast"],
  ])("%j is refused by name", (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
    expect(parseOptions([])?.servers).toEqual(CONTENDERS);
  });
});

describe("the command line of the rooms bench", () => {
  test("without flags is as many rooms as the connections that the server takes by default", () => {
    expect(parseRoomsOptions([])).toMatchObject({ rooms: 9900, nodeFlags: [] });
    expect(parseRoomsOptions(["--rooms", "5", "--idle-seconds", "7"])).toMatchObject({
      rooms: 5,
      idleSeconds: 7,
    });
    expect(parseRoomsOptions(["--help"])).toBeUndefined();
  });

  test.each([
    [["--rooms", "0"], "--rooms"],
    [["--idle-seconds", "long"], "--idle-seconds"],
    [["--late-joins", ""], "--late-joins"],
  ])("%j is refused by name", (args, message) => {
    expect(() => parseRoomsOptions(args)).toThrow(message);
    expect(parseRoomsOptions([])).toBeDefined();
  });
});

describe("the table of the signaling bench", () => {
  const run = (perJoin: number): RunResult => ({
    perJoin,
    perMessage: 1,
    perMessageInBursts: 1,
    heldKb: 1,
    residentKb: 1,
    heldKbAfter: 1,
    joinP99Ms: 1,
    messageP50Ms: 1,
    messageP99Ms: 1,
  });

  function joinsOf(results: ReadonlyMap<string, readonly RunResult[]>): string[] {
    const [, , ...rows] = table(results).split("\n");
    return rows.filter((row) => row !== "").map((row) => row.split("|")[2]?.trim() ?? "");
  }

  test("has medians, and the medians of the rounds' ratios", () => {
    const ours = [run(100), run(300), run(120)];
    const bare = [run(50), run(100), run(100)];
    expect(
      joinsOf(
        new Map([
          ["turnpike", ours],
          [BASELINE, bare],
        ]),
      ),
    ).toEqual(["120 (2.00)", "100 (1.00)"]);
  });

  test("has no ratio without the bare relay", () => {
    expect(joinsOf(new Map([["turnpike", [run(100)]]]))).toEqual(["100"]);
  });
});

describe("what is said", () => {
  test("is an offer of about 2 KB and candidates of a browser's length, an equal number from each side", () => {
    if (OFFER.type !== "offer") throw new Error("not an offer");
    expect(Math.abs(OFFER.description.sdp.length - 2000)).toBeLessThan(200);
    expect(MESSAGES_PER_ROOM).toBe(2 + 2 * CANDIDATE_LIST.length);
    for (const signal of CANDIDATE_LIST) expect(JSON.stringify(signal).length).toBeLessThan(400);
  });
});
