import { describe, expect, test } from "vitest";
import { parseOptions as parseGenerator, UsageError } from "../../../bench/generator/options.ts";
import { parseOptions } from "../../../bench/options.ts";
import { OTHER_SERVERS, SERVERS } from "../../../bench/servers.ts";
import { GROWTH, QUICK, STREAM_WORKLOADS, WORKLOADS } from "../../../bench/workloads.ts";

describe("the command line of the bench", () => {
  test("without flags is every workload and every server", () => {
    expect(parseOptions([])).toMatchObject({ workloads: WORKLOADS, servers: SERVERS, isQuick: false });
    expect(parseOptions(["--growth"])?.workloads).toEqual(GROWTH);
    expect(parseOptions(["--quick"])?.workloads).toEqual(QUICK);
    expect(parseOptions(["--help"])).toBeUndefined();
  });

  test("the soak has ten minutes unless told otherwise", () => {
    expect(parseOptions([])?.soakMinutes).toBeUndefined();
    expect(parseOptions(["--soak"])?.soakMinutes).toBe(10);
    expect(parseOptions(["--soak", "--minutes", "0.5"])?.soakMinutes).toBe(0.5);
  });

  test("clients over TCP and TLS are measured when they are named", () => {
    const flags = STREAM_WORKLOADS.flatMap(({ name }) => ["--only", name]);
    expect(parseOptions(flags)?.workloads).toEqual(STREAM_WORKLOADS);
  });

  test("a server of two workers is measured when it is named", () => {
    const [two] = OTHER_SERVERS;
    expect(parseOptions(["--server", two?.name ?? ""])?.servers).toEqual([two]);
  });

  test("takes runs, seconds, workloads and servers", () => {
    const options = parseOptions([
      "--runs",
      "7",
      "--secs",
      "2.5",
      "--only",
      "pair",
      "--only",
      "one",
      "--server",
      "coturn",
    ]);
    expect(options).toMatchObject({ runs: 7, secs: 2.5 });
    expect(options?.workloads.map(({ name }) => name)).toEqual(["one", "pair"]);
    expect(options?.servers.map(({ name }) => name)).toEqual(["coturn"]);
  });

  test.each([
    [["--runs", "0"], "--runs"],
    [["--secs", "long"], "--secs"],
    [["--secs", ""], "--secs"],
    [["--only", "nothing"], "--only: nothing"],
    [["--server", "nginx"], "--server: nginx"],
    [["--soak", "--minutes", "0"], "--minutes"],
    [["--soak", "--minutes", "1000"], "--minutes"],
    [["--fast"], "--fast"],
  ])("%j is refused by name", (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });
});

describe("the command line of the generator", () => {
  test("has the address in words, and as many peers as allocations, 16 at most", () => {
    const options = parseGenerator(["--server", "127.0.0.1:3478", "--allocs", "100"]);
    expect(options.server).toMatchObject({ family: 4, w3: 0x7f000001, port: 3478 });
    expect(options.peers).toBe(16);
    expect(parseGenerator(["--allocs", "3"]).peers).toBe(3);
  });

  test.each([
    ["--mode", "sideways"],
    ["--transport", "sctp"],
    ["--mode", "binding", "--transport", "tcp"],
    ["--server", "example.org:3478"],
    ["--server", "127.0.0.1:70000"],
    ["--size", "8"],
    ["--allocs", "3", "--mode", "pair"],
    ["--nonsense"],
  ])("%j is a usage error", (...args) => {
    expect(() => parseGenerator(args)).toThrow(UsageError);
  });
});
