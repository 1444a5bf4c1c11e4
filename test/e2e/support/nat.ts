/**
 * The NATs that calls meet, as rules of a router between "lan" and "wan". What each promises for UDP, in the words of
 * RFC 4787 (section 4.1 mapping, section 5 filtering):
 *
 *   kind             a destination more gets     let in to it is
 *   full-cone        the same public port        everybody, once the home has sent something from there
 *   port-restricted  the same public port        who was sent something: a home router
 *   symmetric        another public port         the one that the port is for
 *   udp-blocked      nothing; TCP passes
 *   only-tcp-443     nothing; of TCP only what goes to port 443
 */

export const NAT_KINDS = [
  "full-cone",
  "port-restricted",
  "symmetric",
  "udp-blocked",
  "only-tcp-443",
] as const;
export type NatKind = (typeof NAT_KINDS)[number];

/** How long a full cone keeps a port open after the home's last packet from it. */
const CONE_SECONDS = 120;

const ALLOWED: Readonly<Record<NatKind, string>> = {
  "full-cone": "accept",
  "port-restricted": "accept",
  symmetric: "accept",
  "udp-blocked": "meta l4proto != udp accept",
  "only-tcp-443": "tcp dport 443 accept",
};

/** A ruleset for nft, in the place of what was there. `home`: the address of the machine behind the router. */
export function natRules(kind: NatKind, home: string): string {
  return `
    flush ruleset
    table ip home {
      chain out {
        type nat hook postrouting priority srcnat;
        oifname "wan" masquerade ${kind === "symmetric" ? "fully-random" : ""}
      }
      chain through {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        iifname "lan" ${ALLOWED[kind]}
      }
      # What arrives too early is dropped, not rejected: else conntrack keeps its tuple and the hole moves.
      chain self { type filter hook input priority filter; policy drop; }
    }
    ${kind === "full-cone" ? coneRules(home) : ""}`;
}

/** A masquerade keeps the port; what comes to a port that the home has used is for the home. */
function coneRules(home: string): string {
  return `
    table ip home {
      set used { type inet_service; flags dynamic,timeout; timeout ${CONE_SECONDS}s; }
      chain used-ports {
        type filter hook prerouting priority filter;
        iifname "lan" meta l4proto udp update @used { udp sport }
      }
      chain in {
        type nat hook prerouting priority dstnat;
        iifname "wan" udp dport @used dnat to ${home}
      }
      chain through { ct status dnat accept; }
    }`;
}
