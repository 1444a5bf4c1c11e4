/** Several nodes: what the configuration says of them. Nothing of it is loaded where there is one. */

import type { Cluster, ClusterHub } from "./cluster/cluster.ts";
import type { Config } from "./config/config.ts";
import { createClusterLog } from "./observe/cluster-log.ts";
import type { Logger } from "./observe/logger.ts";
import { urlHost } from "./stun/address.ts";

/** `hub` is asked for when the first thing happens. Undefined: this is the only node. */
export async function joinCluster(
  config: Config,
  logger: Logger,
  hub: () => ClusterHub,
): Promise<Cluster | undefined> {
  const { redis, nodeTimeoutSeconds } = config;
  if (redis === undefined) return undefined;
  const cluster = await import("./cluster/cluster.ts");
  return new cluster.Cluster(
    {
      url: redis,
      nodeTimeoutMs: nodeTimeoutSeconds * 1000,
      nodeUrl: nodeUrlOf(config),
      now: () => performance.now(),
      events: createClusterLog(logger),
    },
    hub,
  );
}

function nodeUrlOf({ nodeUrl, publicHost, tls }: Config): string | undefined {
  if (nodeUrl !== undefined || publicHost === undefined || tls === undefined) return nodeUrl;
  return `wss://${urlHost(publicHost)}${tls.port === 443 ? "" : `:${tls.port}`}/signal`;
}
