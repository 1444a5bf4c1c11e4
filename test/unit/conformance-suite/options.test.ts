import { describe, expect, test } from "vitest";
import { issueCredential } from "../../../src/credentials/turn-credentials.ts";
import { formatTransportAddress } from "../../../src/stun/address.ts";
import { type ParsedOptions, parseOptions } from "../../conformance-suite/options.ts";

const NOW = 1_000_000;
const SERVER = "turn:127.0.0.1:3478";
const USER = ["--user", "alice:with:colons"];

function parse(...args: string[]): ParsedOptions {
  return parseOptions(args, NOW);
}

function errorsOf(...args: string[]): readonly string[] {
  const parsed = parse(...args);
  return parsed.ok ? [] : parsed.errors;
}

function optionsOf(...args: string[]) {
  const parsed = parse(...args);
  if (!parsed.ok) throw new Error(parsed.errors.join("\n"));
  return parsed.options;
}

describe("npm run conformance", () => {
  test("takes a server by its IPv4 address, its IPv6 address, or both; the port is 3478 by default", () => {
    const serversOf = (...uris: string[]) =>
      optionsOf(...uris, ...USER).servers.map((server) => formatTransportAddress(server));
    expect(serversOf(SERVER)).toEqual(["127.0.0.1:3478"]);
    expect(serversOf("turn:[::1]:5000")).toEqual(["[::1]:5000"]);
    expect(serversOf("turn:127.0.0.1", "turn:[::1]?transport=udp")).toEqual(["127.0.0.1:3478", "[::1]:3478"]);
  });

  test.each([
    "turn:localhost:3478",
    "turns:127.0.0.1:5349",
    "turn:127.0.0.1:0",
    "turn:127.0.0.1:65536",
    "turn:::1:3478",
    "turn:[127.0.0.1]:3478",
    "turn:127.0.0.1:3478?transport=tcp",
    "127.0.0.1:3478",
  ])("refuses %s", (uri) => {
    expect(errorsOf(uri, ...USER)).toEqual([expect.stringContaining(uri)]);
    expect(errorsOf(SERVER, ...USER)).toEqual([]);
  });

  test.each(["turn:8.8.8.8:3478", "turn:169.254.169.254", "turn:[2a01:4f8::1]:3478"])(
    "asks whose %s is",
    (uri) => {
      expect(errorsOf(uri, ...USER)).toEqual([expect.stringContaining("--yes-this-server-is-mine")]);
      expect(errorsOf(uri, ...USER, "--yes-this-server-is-mine")).toEqual([]);
    },
  );

  test.each(["turn:10.1.2.3", "turn:192.168.0.9:3478", "turn:172.31.0.1", "turn:[fd00::1]"])(
    "takes %s, of a private network, as it is",
    (uri) => {
      expect(errorsOf(uri, ...USER)).toEqual([]);
    },
  );

  test("makes the users that are not named out of the secret", () => {
    const { users, staticUsers } = optionsOf(SERVER, ...USER, "--secret", "s");
    expect(users).toHaveLength(3);
    expect(users[0]).toEqual({ username: "alice", password: "with:colons" });
    const { username, credential } = issueCredential("s", "alice", NOW + 3600);
    expect(users[1]).toEqual({ username, password: credential });
    expect(staticUsers).toBe(1);
  });

  test("says everything that is wrong, and no secret", () => {
    const errors = errorsOf("turn:nowhere", "--user", "nocolon", "--peer", "here", "--secret", "", "--fast");
    expect(errors).toEqual([
      "--secret: empty",
      "--fast: unknown option",
      expect.stringContaining("turn:nowhere"),
      "--user: not NAME:PASSWORD",
      "no user: --user NAME:PASSWORD or --secret S",
      "--peer: not an IP address",
    ]);
    expect(errorsOf()).toEqual([expect.stringContaining("no server"), expect.stringContaining("no user")]);
    expect(errorsOf(SERVER, "turn:127.0.0.2", ...USER)).toEqual(["two servers of one address family"]);
    expect(errorsOf(SERVER, ...USER, ...USER, ...USER, ...USER)).toEqual(["--user: more than 3"]);
  });
});
