/** The address family over which clients come, where a rule does not say it. */

import type { IpFamily } from "../../src/stun/address.ts";
import type { Target, TargetKind } from "./target.ts";

export function withClientsOn(family: IpFamily, kind: TargetKind): TargetKind {
  return {
    ...kind,
    async open(settings) {
      const target = await kind.open(settings);
      const client: Target["client"] = (options) => target.client({ family, ...options });
      const tcp = target.tcp && (() => target.tcp?.(family));
      // Not a copy: some of a target's properties are made, or refused, when they are asked for.
      return Object.create(target, { client: { value: client }, tcp: { value: tcp } }) as Target;
    },
  };
}
