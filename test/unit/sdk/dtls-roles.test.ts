import { expect, test } from "vitest";
import { DtlsRoles } from "../../../src/sdk/dtls-roles.ts";

const sdpWith = (setup: string) =>
  `v=0\r\na=setup:${setup}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=setup:${setup}\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n`;
const answer = (setup: string) => ({ type: "answer", sdp: sdpWith(setup) }) as const;
const offer = { type: "offer", sdp: sdpWith("actpass") } as const;

test("the first answer settles who is the client; a later one that says otherwise is put right, whoever it is from", () => {
  const server = new DtlsRoles();
  expect(server.received(answer("active"))).toEqual(answer("active"));
  expect(server.received(answer("passive"))).toEqual(answer("active"));
  expect(server.sent(answer("active"))).toEqual(answer("passive"));
  expect(server.sent(answer("passive"))).toEqual(answer("passive"));

  const client = new DtlsRoles();
  expect(client.sent(answer("active"))).toEqual(answer("active"));
  expect(client.sent(answer("passive"))).toEqual(answer("active"));
  // As Firefox answers an offer that restarts ICE, though it is the server.
  expect(client.received(answer("active"))).toEqual(answer("passive"));
});

test("offers, and answers that name no side, are as they were", () => {
  const roles = new DtlsRoles();
  roles.received(answer("active"));
  const silent = { type: "answer", sdp: "v=0\r\n" } as const;
  for (const description of [offer, silent, { type: "rollback" } as const]) {
    expect(roles.sent(description)).toBe(description);
    expect(roles.received(description)).toBe(description);
  }
});
