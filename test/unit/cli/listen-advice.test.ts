import { describe, expect, test } from "vitest";
import { describeFailures } from "../../../src/cli/listen-advice.ts";
import type { ListenFailure } from "../../../src/server.ts";

const NODE = "/opt/node/bin/node";

function failure(overrides: Partial<ListenFailure>): ListenFailure {
  return {
    what: "http",
    address: "0.0.0.0",
    family: 4,
    port: 8080,
    code: "EADDRINUSE",
    message: `listen ${overrides.code ?? "EADDRINUSE"} ${overrides.address ?? "0.0.0.0"}`,
    ...overrides,
  };
}

function advice(...failures: readonly ListenFailure[]): string[] {
  return describeFailures(failures, NODE);
}

describe("one line each", () => {
  test("a port in use on two hosts", () => {
    expect(advice(failure({}), failure({ address: "::", family: 6 }))).toEqual([
      "--http-port 8080: the port is in use on 0.0.0.0 and ::; end what listens there, or choose another port",
    ]);
  });

  test("a port that needs a right, on two hosts, with the line that gives it to this Node", () => {
    const tls = { what: "tls", port: 443, code: "EACCES" } as const;
    const lines = advice(failure(tls), failure({ ...tls, address: "::", family: 6 }));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^--tls-port 443: /);
    expect(lines[0]).toContain(`sudo setcap 'cap_net_bind_service=+ep' ${NODE}`);
  });

  test("relay ports that need a right, by the range's lowest", () => {
    const [line] = advice(failure({ what: "relay", port: 500, code: "EACCES" }));
    expect(line).toMatch(/^--relay-ports 500: .*setcap/);
  });

  test("an address that is not this machine's", () => {
    expect(advice(failure({ address: "192.0.2.1", code: "EADDRNOTAVAIL" }))).toEqual([
      "--http-port 8080: 192.0.2.1 is no address of this machine; --host takes those that are",
    ]);
  });

  test("the admin port's address is --admin-host", () => {
    expect(
      advice(failure({ what: "admin", address: "192.0.2.1", port: 9090, code: "EADDRNOTAVAIL" })),
    ).toEqual(["--admin-port 9090: 192.0.2.1 is no address of this machine; --admin-host takes one that is"]);
  });
});

describe("a line for each", () => {
  test("port", () => {
    const lines = advice(
      failure({}),
      failure({ what: "turn", port: 3478 }),
      failure({ what: "admin", port: 9090 }),
    );
    expect(lines.map((line) => line.split(":")[0])).toEqual([
      "--http-port 8080",
      "--turn-port 3478",
      "--admin-port 9090",
    ]);
  });

  test("reason", () => {
    expect(advice(failure({}), failure({ code: "EACCES" }))).toHaveLength(2);
  });

  test("file that cannot be read", () => {
    const file = (message: string) => failure({ what: "tls", port: 443, code: "ENOENT", message });
    expect(advice(file("no cert.pem"), file("no key.pem"))).toEqual([
      "--tls-port 443: no cert.pem",
      "--tls-port 443: no key.pem",
    ]);
  });
});
