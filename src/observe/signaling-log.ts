/** What the hub does, in the log: a line per join and leave, none per message. Rooms appear by their random key only. */

import type { SignalingEvents } from "../signaling/ports.ts";
import type { Logger } from "./logger.ts";
import { describeErrors } from "./reported-errors.ts";

export function createSignalingLog(logger: Logger): SignalingEvents {
  return {
    roomCreated({ roomKey }) {
      logger.debug({ roomKey }, "room created");
    },
    roomDestroyed({ roomKey, seconds, members }) {
      logger.info({ roomKey, seconds, members }, "room destroyed");
    },
    memberJoined({ peer, roomKey }) {
      logger.info({ peer, roomKey }, "member joined");
    },
    memberAway({ peer, roomKey }) {
      logger.debug({ peer, roomKey }, "member away");
    },
    memberBack({ peer, roomKey }) {
      logger.debug({ peer, roomKey }, "member back");
    },
    memberLeft({ peer, roomKey, reason }) {
      logger.info({ peer, roomKey, reason }, "member left");
    },
    requestFailed(code) {
      logger.debug({ code }, "request failed");
    },
    connectionClosed(code) {
      logger.debug({ code }, "connection closed");
    },
    callReported({ peer, roomKey }, report) {
      const { state, localCandidateType, remoteCandidateType, relayProtocol, roundTripTimeMs } = report;
      const path = { localCandidateType, remoteCandidateType, relayProtocol, roundTripTimeMs };
      const errors = describeErrors(report.errors);
      logger.info({ peer, roomKey, to: report.to, state, ...path, ...errors }, "call report");
    },
    relayTargetRefused({ peer, roomKey }, { address, reason }) {
      // Every call has private addresses among its candidates; a stranger's address is worth an operator's look.
      const level = reason === "not-in-room" ? "info" : "debug";
      logger[level]({ peer, roomKey, address, reason }, "the relay refused a member a target");
    },
    failed(error) {
      logger.error({ err: error }, "signaling met a defect");
    },
  };
}
