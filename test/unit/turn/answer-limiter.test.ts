import { expect, test } from "vitest";
import { type IpAddress, parseIp, sameIp, withPort } from "../../../src/stun/address.ts";
import { AnswerLimiter, FREE_ANSWERS } from "../../../src/turn/answer-limiter.ts";
import type { ClientLink, ClientTransport } from "../../../src/turn/ports.ts";

const LIMITS = { burst: 5, perSecond: 2 };
const OFFICE = parseIp("81.2.69.1") as IpAddress;
const ELSEWHERE = parseIp("81.2.69.2") as IpAddress;
const [REQUEST_BYTES, ANSWER_BYTES] = [100, 100];

function bench(isExempt: (client: IpAddress) => boolean = () => false) {
  const clock = { nowMs: 0 };
  const limiter = new AnswerLimiter(LIMITS, isExempt, () => clock.nowMs);
  /** How many of so many answers are sent, and what becomes of the connection. */
  function connect(ip: IpAddress, transport: ClientTransport = "tcp") {
    const state = { isClosed: false };
    const connection = {
      unauthenticatedAnswers: 0,
      close() {
        state.isClosed = true;
      },
    };
    const link = {
      transport,
      remote: withPort(ip, 1),
      ...(transport !== "udp" && { connection }),
    } as ClientLink;
    function ask(times: number): number {
      const refusals = Array.from({ length: times }, () => limiter.refuse(link, REQUEST_BYTES, ANSWER_BYTES));
      expect(refusals.filter((refusal) => refusal !== undefined && refusal !== "rate-limited")).toEqual([]);
      return refusals.filter((refusal) => refusal === undefined).length;
    }
    return { state, connection, ask };
  }
  return { clock, connect };
}

test.each(["tcp", "tls"] as const)(
  "a connection over %s has a few answers of its own, then the source's, then none: it is closed",
  (transport) => {
    const { connect } = bench();
    const flood = connect(OFFICE, transport);
    expect(flood.ask(FREE_ANSWERS + LIMITS.burst)).toBe(FREE_ANSWERS + LIMITS.burst);
    expect(flood.state.isClosed).toBe(false);
    expect(flood.ask(1)).toBe(0);
    expect(flood.state.isClosed).toBe(true);
  },
);

test("an office is not harmed: beside a flood from its address, each new connection has its own answers", () => {
  const { connect } = bench();
  const flood = connect(OFFICE);
  flood.ask(1000);
  expect(flood.state.isClosed).toBe(true);
  for (let i = 0; i < 300; i++) {
    const member = connect(OFFICE);
    expect(member.ask(FREE_ANSWERS)).toBe(FREE_ANSWERS);
    expect(member.state.isClosed).toBe(false);
  }
  expect(connect(ELSEWHERE).ask(FREE_ANSWERS + LIMITS.burst)).toBe(FREE_ANSWERS + LIMITS.burst);
});

test("who authenticates has its own answers again, and time fills the source's bucket", () => {
  const { clock, connect } = bench();
  const client = connect(OFFICE);
  for (let nonces = 0; nonces < 100; nonces++) {
    expect(client.ask(FREE_ANSWERS)).toBe(FREE_ANSWERS);
    client.connection.unauthenticatedAnswers = 0;
  }
  expect(client.ask(FREE_ANSWERS + LIMITS.burst)).toBe(FREE_ANSWERS + LIMITS.burst);
  clock.nowMs += 1000;
  expect(client.ask(LIMITS.perSecond)).toBe(LIMITS.perSecond);
  expect(client.state.isClosed).toBe(false);
});

test("datagrams, whose source may be forged, do not use up what connections from there have, nor the reverse", () => {
  const { connect } = bench();
  const [datagrams, connection] = [connect(OFFICE, "udp"), connect(OFFICE)];
  expect(datagrams.ask(1000)).toBe(LIMITS.burst);
  expect(connection.ask(FREE_ANSWERS + LIMITS.burst)).toBe(FREE_ANSWERS + LIMITS.burst);
  const other = bench();
  other.connect(OFFICE).ask(1000);
  expect(other.connect(OFFICE, "udp").ask(1000)).toBe(LIMITS.burst);
});

test("who is exempt has no limit", () => {
  const { connect } = bench((client) => sameIp(client, OFFICE));
  for (const transport of ["udp", "tcp", "tls"] as const)
    expect(connect(OFFICE, transport).ask(1000)).toBe(1000);
});
