/** What no client sees: links that fail. */

import { describe, expect, it } from "vitest";
import { parseIp, type TransportAddress } from "../../../src/stun/address.ts";
import { requestedTransportAttribute } from "../../../src/stun/attributes.ts";
import { METHOD, PROTOCOL_UDP } from "../../../src/stun/registry.ts";
import { allocate, assertSuccess } from "../../conformance/checks.ts";
import { type MemoryTarget, openMemoryTarget } from "../../conformance/memory-target.ts";
import { ALICE } from "../../conformance/target.ts";
import { transportTo } from "../../support/endpoint.ts";
import { TurnClient } from "../../support/turn-client.ts";
import { encodeRequest } from "../../support/turn-request.ts";

const UDP = requestedTransportAttribute(PROTOCOL_UDP);

/** Relay sockets are opened later than they are asked for. */
function allSocketsOpened(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("a link that fails", () => {
  const defect = new Error("the link is broken");

  /** A client that is served, until its link breaks: then whatever the relay sends to it throws. */
  async function openBreakable(memory: MemoryTarget) {
    const endpoint = memory.network.open(parseIp("81.2.69.7") as TransportAddress);
    const client = new TurnClient(transportTo(memory.target.serverAddress(4), endpoint), ALICE, 100);
    const proof = await client.authentication();
    const breakLink = () =>
      endpoint.onPacket(() => {
        throw defect;
      });
    return { client, proof, breakLink };
  }

  /** The relay has told of its defects, and serves everybody else. */
  async function assertServes({ target, failures }: MemoryTarget, defects: number): Promise<void> {
    expect(failures.splice(0)).toEqual(Array.from({ length: defects }, () => defect));
    await allocate(await target.client());
    await target.close();
  }

  it("with the answer to a request is reported", async () => {
    const memory = openMemoryTarget();
    const { client, proof, breakLink } = await openBreakable(memory);
    breakLink();
    await client.sendRaw(encodeRequest(METHOD.refresh, [], proof));
    await assertServes(memory, 1);
  });

  it("with the answer to an Allocate, when the socket has opened, is reported", async () => {
    const memory = openMemoryTarget();
    const { client, proof, breakLink } = await openBreakable(memory);
    breakLink();
    await client.sendRaw(encodeRequest(METHOD.allocate, [UDP], proof));
    await allSocketsOpened();
    await assertServes(memory, 1);
  });

  it("with a packet from a relay target is reported", async () => {
    const memory = openMemoryTarget();
    const [{ client, breakLink }, peer] = [await openBreakable(memory), await memory.target.peer()];
    const relayed = await allocate(client);
    assertSuccess(await client.createPermission(peer.address), "CreatePermission");
    breakLink();
    await peer.send(relayed, Buffer.from("to nobody"));
    await assertServes(memory, 1);
  });
});
