/**
 * The slow path: what may pass to and from a target that a member claims and that has not proved to be in the call. A stranger never
 * answers with an ICE password of the room, so two accomplices get no more out of the relay than some Binding requests.
 */

import type { TransportAddress } from "../stun/address.ts";
import { verifyFingerprint, verifyIntegrity, verifyIntegritySha256 } from "../stun/integrity.ts";
import { decodeMessage, type StunMessage } from "../stun/message.ts";
import { METHOD } from "../stun/registry.ts";
import type { Allocation, Permission } from "./allocation.ts";
import { endFlows } from "./flows.ts";
import type { RelayState } from "./relay-state.ts";
import { standingOf } from "./room-policy.ts";
import { TokenBucket } from "./token-bucket.ts";

/**
 * What IPv6 carries on every path, less its headers. A plain check takes 150 bytes; one of a browser that begins DTLS within its checks
 * (draft-hancke-webrtc-sped) may be as long as a datagram on its path.
 */
const MAX_CHECK_BYTES = 1232;
/** HMACs that one allocation may have computed for messages from claimed addresses. */
const PROOF_RATE = { burst: 100, perSecond: 100 };
/** Of one permission; the oldest makes room, and proves itself again with its next check. */
const MAX_PROVEN_PORTS = 16;

/** Whether buffer[start, end) may go to a target that is not open. */
export function maySendUnproven(
  state: RelayState,
  allocation: Allocation,
  permission: Permission,
  target: TransportAddress,
  buffer: Uint8Array,
  start: number,
  end: number,
  nowMs: number,
): boolean {
  const standing = standingOf(state, allocation, target);
  if (standing === "open") permission.isOpen = true;
  if (standing !== "claimed") return standing === "open";
  if (end - start > MAX_CHECK_BYTES) return false;
  const message = readBinding(buffer, start, end);
  if (message?.messageClass !== "request") return false;
  return state.ledger.take(target, message.transactionId, allocation.link.remote, nowMs);
}

/** Whether buffer[start, end) may come in from a target that is not open; it may prove itself by it. */
export function mayReceiveUnproven(
  state: RelayState,
  allocation: Allocation,
  permission: Permission,
  source: TransportAddress,
  buffer: Uint8Array,
  start: number,
  end: number,
  nowMs: number,
): boolean {
  const standing = standingOf(state, allocation, source);
  if (standing === "open") permission.isOpen = true;
  if (standing !== "claimed") return standing === "open";
  const message = readBinding(buffer, start, end);
  if (message === undefined) return false;
  const peer = whoProves(state, allocation, source, message, nowMs);
  if (peer !== undefined) {
    permission.provenPorts.push({ port: source.port, peer });
    if (permission.provenPorts.length > MAX_PROVEN_PORTS) {
      permission.provenPorts.shift();
      endFlows(allocation);
    }
    state.ledger.strikeOut(source);
  }
  return true;
}

/**
 * Whose key a message from a claimed address verifies with. Not one that may be an echo: a check that was sent there itself, an answer to
 * no check that was.
 */
function whoProves(
  state: RelayState,
  allocation: Allocation,
  source: TransportAddress,
  message: StunMessage,
  nowMs: number,
): string | undefined {
  const { messageClass, transactionId } = message;
  const { room } = allocation.user;
  if (room === undefined || state.rooms === undefined || messageClass === "indication") return undefined;
  const kind = messageClass === "request" ? "check" : "answer";
  if (kind === "check" && state.ledger.wentToIp(source, transactionId)) return undefined;
  if (kind === "answer" && !state.ledger.wentTo(source, transactionId)) return undefined;
  allocation.proofTries ??= new TokenBucket(PROOF_RATE.perSecond, PROOF_RATE.burst);
  for (const { peer, key } of state.rooms.proofKeys(room, source, kind)) {
    if (!allocation.proofTries.has(1, nowMs)) return undefined;
    allocation.proofTries.take(1, nowMs);
    if (verifies(message, key)) return peer;
  }
  return undefined;
}

/** A STUN message of method Binding that is whole, and whose FINGERPRINT is right where it has one. */
function readBinding(buffer: Uint8Array, start: number, end: number): StunMessage | undefined {
  const decoded = decodeMessage(buffer.subarray(start, end));
  if (!decoded.ok || decoded.message.method !== METHOD.binding) return undefined;
  const { bytes, fingerprintOffset } = decoded.message;
  return fingerprintOffset < 0 || verifyFingerprint(bytes, fingerprintOffset) ? decoded.message : undefined;
}

/** Short-term credentials (RFC 8489 section 9.1): the key is the password. */
function verifies({ bytes, integrityOffset, integritySha256Offset }: StunMessage, key: Uint8Array): boolean {
  if (integritySha256Offset >= 0) return verifyIntegritySha256(bytes, integritySha256Offset, key);
  return integrityOffset >= 0 && verifyIntegrity(bytes, integrityOffset, key);
}
