import { describe, expect, test } from "vitest";
import { ListenError, type Listener, type ListenRequest, listenOnAll } from "../../../src/net/listen.ts";
import { formatTransportAddress, type IpAddress, parseIp, withPort } from "../../../src/stun/address.ts";

const V4 = parseIp("0.0.0.0") as IpAddress;
const V6 = parseIp("::") as IpAddress;

function systemError(code: string): Error {
  return Object.assign(new Error(`listen ${code}`), { code });
}

/** Ports of a machine: what is taken there, and what was opened and not closed again. */
class FakeMachine {
  readonly open = new Set<string>();
  #nextFreePort = 50_000;
  readonly #answer: (ip: IpAddress, port: number) => Error | undefined;

  constructor(answer: (ip: IpAddress, port: number) => Error | undefined = () => undefined) {
    this.#answer = answer;
  }

  async bind(ip: IpAddress, port: number): Promise<Listener> {
    const bound = port === 0 ? this.#nextFreePort++ : port;
    const error = this.#answer(ip, bound);
    if (error !== undefined) throw error;
    const address = withPort(ip, bound);
    const key = formatTransportAddress(address);
    this.open.add(key);
    return { address, close: async () => void this.open.delete(key) };
  }

  request(port: number, more: Partial<ListenRequest> = {}): ListenRequest {
    const open = (ip: IpAddress, p: number) => this.bind(ip, p);
    return { what: "http", hosts: [V4, V6], skipMissingFamily: true, port, open, ...more };
  }
}

describe("listening on every host", () => {
  test("port 0 is one port for all of them", async () => {
    const { listeners } = await listenOnAll(new FakeMachine().request(0));
    expect(listeners.map((listener) => listener.address.port)).toEqual([50_000, 50_000]);
  });

  test("port 0 looks on when the first host's free port is taken on the second", async () => {
    const machine = new FakeMachine((ip, port) =>
      ip.family === 6 && port < 50_002 ? systemError("EADDRINUSE") : undefined,
    );
    const { listeners, failures } = await listenOnAll(machine.request(0));
    expect(failures).toEqual([]);
    expect(listeners.map((listener) => listener.address.port)).toEqual([50_002, 50_002]);
    expect(machine.open.size).toBe(2);
  });

  test("port 0 does not look on for ever", async () => {
    const machine = new FakeMachine((ip) => (ip.family === 6 ? systemError("EADDRINUSE") : undefined));
    const { failures } = await listenOnAll(machine.request(0));
    expect(failures.map((failure) => failure.code)).toEqual(["EADDRINUSE"]);
    expect(machine.open.size).toBe(1);
  });

  test.each(["EAFNOSUPPORT", "EADDRNOTAVAIL"])(
    "leaves out a missing family of the default (%s)",
    async (code) => {
      const machine = new FakeMachine((ip) => (ip.family === 6 ? systemError(code) : undefined));
      const { listeners, failures } = await listenOnAll(machine.request(80));
      expect(listeners).toHaveLength(1);
      expect(failures).toEqual([]);
    },
  );

  test("a missing family that was asked for is a failure", async () => {
    const machine = new FakeMachine((ip) => (ip.family === 6 ? systemError("EAFNOSUPPORT") : undefined));
    const { failures } = await listenOnAll(machine.request(80, { skipMissingFamily: false }));
    expect(failures).toEqual([
      {
        what: "http",
        code: "EAFNOSUPPORT",
        address: "::",
        family: 6,
        port: 80,
        message: "listen EAFNOSUPPORT",
      },
    ]);
  });

  test("a machine without any family is a failure", async () => {
    const machine = new FakeMachine(() => systemError("EAFNOSUPPORT"));
    const { failures } = await listenOnAll(machine.request(80));
    expect(failures.map((failure) => failure.address)).toEqual(["0.0.0.0", "::"]);
  });

  test("a port in use is told for every host", async () => {
    const machine = new FakeMachine(() => systemError("EADDRINUSE"));
    const { failures } = await listenOnAll(machine.request(80));
    expect(failures.map((failure) => failure.code)).toEqual(["EADDRINUSE", "EADDRINUSE"]);
  });
});

test("a ListenError says each failure in a line", () => {
  const error = new ListenError([
    { what: "http", code: "EACCES", address: "0.0.0.0", family: 4, port: 80, message: "permission denied" },
    { what: "turn", code: "EADDRINUSE", address: "::", family: 6, port: 3478, message: "in use" },
  ]);
  expect(error.message).toBe("http 0.0.0.0:80: permission denied\nturn [::]:3478: in use");
  expect(error.code).toBe("ERR_TURNPIKE_LISTEN");
});
