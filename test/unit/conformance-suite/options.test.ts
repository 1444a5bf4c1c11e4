import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { issueCredential } from "../../../src/credentials/turn-credentials.ts";
import { formatTransportAddress } from "../../../src/stun/address.ts";
import { type ParsedOptions, parseOptions } from "../../conformance-suite/options.ts";
import { createSelfSignedCertificate } from "../../support/self-signed.ts";

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

  test("goes over UDP, TCP or TLS, as the URI says; the port of turns: is 5349 by default", () => {
    const wayTo = (...args: string[]) => {
      const { servers, transport, tls } = optionsOf(...args, ...USER);
      return [servers.map((server) => formatTransportAddress(server)).join(" "), transport, tls];
    };
    expect(wayTo("turn:127.0.0.1?transport=tcp")).toEqual(["127.0.0.1:3478", "tcp", {}]);
    expect(wayTo("turns:[::1]", "turns:127.0.0.1:443?transport=tcp", "--insecure")).toEqual([
      "[::1]:5349 127.0.0.1:443",
      "tls",
      { rejectUnauthorized: false },
    ]);
  });

  test("verifies the certificate of turns: by the file and the name that are given, or by the address", () => {
    const file = join(mkdtempSync(join(tmpdir(), "turnpike-conformance-")), "cert.pem");
    const { cert, key } = createSelfSignedCertificate();
    writeFileSync(file, cert);
    const tlsOf = (...args: string[]) => optionsOf("turns:127.0.0.1", ...USER, ...args).tls;
    expect(tlsOf()).toEqual({});
    expect(tlsOf("--ca", file, "--servername", "localhost")).toEqual({ ca: cert, servername: "localhost" });
    writeFileSync(file, key);
    const refusedWith = (...args: string[]) => errorsOf("turns:127.0.0.1", ...USER, ...args);
    expect(refusedWith("--ca", file)).toEqual([`--ca ${file}: no certificate in PEM`]);
    expect(refusedWith("--ca", `${file}.gone`)).toEqual([expect.stringContaining("ENOENT")]);
    expect(refusedWith("--insecure", "--servername", "localhost")).toEqual([
      expect.stringContaining("--insecure"),
    ]);
    expect(errorsOf(SERVER, ...USER, "--insecure")).toEqual([expect.stringContaining("of turns: only")]);
    rmSync(dirname(file), { recursive: true });
  });

  test.each([
    ["turn:localhost:3478", "HOST is not an IP address"],
    ["turns:example.com", "HOST is not an IP address"],
    ["turn:::1:3478", "in brackets"],
    ["turn:[127.0.0.1]:3478", "HOST is not an IP address"],
    ["turn:", "HOST is not an IP address"],
    ["turn:127.0.0.1:0", "PORT is not a number"],
    ["turn:127.0.0.1:65536", "PORT is not a number"],
    ["turn:127.0.0.1:", "PORT is not a number"],
    ["turn:127.0.0.1:3478?transport=tls", "transport=udp or transport=tcp"],
    ["turn:127.0.0.1:3478?", "transport=udp or transport=tcp"],
    ["turns:127.0.0.1:5349?transport=udp", "goes over TCP"],
    ["turn://127.0.0.1:3478", "HOST is not an IP address"],
    ["stun:127.0.0.1:3478", "not turn:HOST:PORT or turns:HOST:PORT"],
    ["127.0.0.1:3478", "not turn:HOST:PORT or turns:HOST:PORT"],
  ])("refuses %s in one line", (uri, why) => {
    const errors = errorsOf(uri, ...USER);
    expect(errors).toEqual([expect.stringContaining(uri)]);
    expect(errors[0]).toContain(why);
    expect(errors[0]).not.toContain("\n");
    expect(errorsOf(SERVER, ...USER)).toEqual([]);
  });

  test("refuses two servers with different transports", () => {
    expect(errorsOf("turn:127.0.0.1", "turn:[::1]?transport=tcp", ...USER)).toEqual([
      expect.stringContaining("different transports"),
    ]);
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
