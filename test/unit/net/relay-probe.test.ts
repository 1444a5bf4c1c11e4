import { expect, test } from "vitest";
import type { bindDgramSocket } from "../../../src/net/dgram-socket.ts";
import { probeRelayPorts } from "../../../src/net/relay-probe.ts";
import { ipv4FromWord, ipv6FromWords } from "../../../src/stun/address.ts";

const ADDRESSES = [ipv4FromWord(0x7f000001), ipv6FromWords(0, 0, 0, 1)].map((ip) => ({
  bindIp: ip,
  relayedIp: ip,
}));

function probeWith(code: string, min: number) {
  const asked: number[] = [];
  const bind: typeof bindDgramSocket = (_ip, port) => {
    asked.push(port);
    return Promise.reject(Object.assign(new Error(`bind ${code}`), { code }));
  };
  return probeRelayPorts(ADDRESSES, { min, max: min + 9 }, bind).then((failures) => ({ asked, failures }));
}

test("a range that begins where a right is needed fails on each address", async () => {
  const { asked, failures } = await probeWith("EACCES", 500);
  expect(asked).toEqual([500, 500]);
  expect(failures).toMatchObject([
    { what: "relay", code: "EACCES", address: "127.0.0.1", port: 500 },
    { what: "relay", code: "EACCES", address: "::1", port: 500 },
  ]);
});

test.each(["EADDRINUSE", "EADDRNOTAVAIL"])("%s is no reason not to start", async (code) => {
  expect((await probeWith(code, 500)).failures).toEqual([]);
});

test("a range without such ports is not tried", async () => {
  expect(await probeWith("EACCES", 1024)).toEqual({ asked: [], failures: [] });
});
