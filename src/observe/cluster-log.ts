/** What this node hears of the others and of Redis, in the log. */

import type { ClusterEvents } from "../cluster/cluster.ts";
import type { Logger } from "./logger.ts";

export function createClusterLog(logger: Logger): ClusterEvents {
  return {
    redisReady: () => logger.info({}, "Redis is there: rooms are shared with other nodes"),
    redisLost: () => logger.warn({}, "Redis is away: calls go on, and nobody new is let in until it is back"),
    redisFailed: (error) =>
      logger.warn({ problem: error.message }, "Redis cannot be used; it is tried again"),
    nodesChanged: (nodes) => logger.info({ nodes }, "the number of nodes has changed"),
    peerEnded: (node, why) => logger.warn({ node, why }, "another node is gone, or has begun anew"),
    roomAbandoned: () =>
      logger.warn(
        {},
        "a room was made anew at another node while this one was out of touch, and has ended here",
      ),
    failed: (error) => logger.error({ err: error }, "the cluster met a defect"),
  };
}
