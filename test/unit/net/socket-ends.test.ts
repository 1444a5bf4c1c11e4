import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import type { ProxiedEnds } from "../../../src/net/proxy-header.ts";
import { endsOf, nameEnds, TlsEnds } from "../../../src/net/socket-ends.ts";
import { type IpAddress, parseIp, withPort } from "../../../src/stun/address.ts";

const PROXY = "127.0.0.1";
const at = (ip: string, port: number) => withPort(parseIp(ip) as IpAddress, port);

function socketFrom(remotePort: number): Socket {
  const ends = { remoteAddress: PROXY, remotePort, localAddress: "192.0.2.1", localPort: 443 };
  return Object.assign(new EventEmitter(), ends) as unknown as Socket;
}

function passedOn(ip: string): ProxiedEnds {
  return { source: at(ip, 56_324), destination: at("192.0.2.7", 8443) };
}

test("a socket's ends are its own, until a proxy has said whose it is", () => {
  const socket = socketFrom(1000);
  expect(endsOf(socket)).toMatchObject({ remoteAddress: PROXY, remotePort: 1000 });
  nameEnds(socket, passedOn("203.0.113.9"));
  expect(endsOf(socket)).toEqual({
    remoteAddress: "203.0.113.9",
    remotePort: 56_324,
    localAddress: "192.0.2.7",
    localPort: 8443,
  });
  expect(endsOf(socketFrom(1000)).remoteAddress).toBe(PROXY);
});

test("a TLS socket has the ends of the socket that it is around, and of no other", () => {
  const tls = new TlsEnds();
  for (const [port, ip] of [
    [1000, "203.0.113.9"],
    [1001, "203.0.113.10"],
  ] as const) {
    const socket = socketFrom(port);
    nameEnds(socket, passedOn(ip));
    tls.remember(socket);
  }
  tls.remember(socketFrom(1002));
  const around = [1000, 1001, 1002].map((port) => {
    const socket = socketFrom(port);
    tls.carryTo(socket);
    return endsOf(socket).remoteAddress;
  });
  expect(around).toEqual(["203.0.113.9", "203.0.113.10", PROXY]);
});

test("what was said of a connection ends with it, and not what was said of the next one between the same ends", () => {
  const tls = new TlsEnds();
  const [first, second] = [socketFrom(1000), socketFrom(1000)];
  nameEnds(first, passedOn("203.0.113.9"));
  nameEnds(second, passedOn("203.0.113.10"));
  tls.remember(first);
  tls.remember(second);
  first.emit("close");
  const inSecond = socketFrom(1000);
  tls.carryTo(inSecond);
  expect(endsOf(inSecond).remoteAddress).toBe("203.0.113.10");
  second.emit("close");
  const unproxied = socketFrom(1000);
  tls.carryTo(unproxied);
  expect(endsOf(unproxied).remoteAddress).toBe(PROXY);
});
