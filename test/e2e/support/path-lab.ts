/**
 * A relay's machine, a router and a peer's machine, in namespaces that nothing leads out of. Behind the router every datagram has
 * to fit into the smallest MTU that IPv6 knows:
 *
 *   relay ── 1500 ── router ── 1280 ── peer
 */

import { inside, ip, Namespaces, nft, sysctl } from "./namespaces.ts";

export const NARROW_MTU = 1280;

/** Public addresses are of ranges that no relay refuses; they are seen only in here. */
const NETWORKS = {
  relay: { prefix4: "93.184.216", prefix6: "2606:2800:220:1" },
  peer: { prefix4: "93.184.217", prefix6: "2606:2800:220:2" },
} as const;

type Side = keyof typeof NETWORKS;

export class PathLab {
  readonly relay = addressesOf("relay");
  readonly peer = addressesOf("peer");
  /** On the relay's side. */
  readonly router = { ipv4: `${NETWORKS.relay.prefix4}.1` };
  readonly #namespaces = new Namespaces();
  readonly #router: string;
  readonly #relay: string;

  constructor() {
    this.#router = this.#namespaces.add("router");
    for (const setting of ["ipv4/ip_forward", "ipv6/conf/all/forwarding"]) sysctl(this.#router, setting, 1);
    this.#relay = this.#join("relay", "");
    this.#join("peer", ` mtu ${NARROW_MTU}`);
    nft(
      this.#router,
      `table ip seen {
        chain df { type filter hook prerouting priority -450; udp dport 4000 ip frag-off & 0x4000 != 0 counter; }
        chain free { type filter hook prerouting priority -450; udp dport 4000 ip frag-off & 0x4000 == 0 counter; }
      }`,
    );
  }

  /** Set before a command, it runs on the relay's machine. */
  get prefix(): readonly string[] {
    return inside(this.#relay);
  }

  /** Datagrams to port 4000 of the peer over IPv4, at the router: with the DF bit, and without. */
  seen(): { readonly df: number; readonly free: number } {
    const count = (chain: string) =>
      Number(nft(this.#router, `list chain ip seen ${chain}`).match(/counter packets (\d+)/)?.[1]);
    return { df: count("df"), free: count("free") };
  }

  /** Takes everything away. Idempotent. */
  remove(): void {
    this.#namespaces.remove();
  }

  #join(side: Side, mtu: string): string {
    const { prefix4, prefix6 } = NETWORKS[side];
    const namespace = this.#namespaces.add(side);
    ip(namespace, `link add wan${mtu} type veth peer name ${side}${mtu} netns ${this.#router}`);
    const ends = [
      [namespace, "wan", 10],
      [this.#router, side, 1],
    ] as const;
    for (const [where, device, host] of ends) {
      ip(where, `address add ${prefix4}.${host}/24 dev ${device}`);
      ip(where, `address add ${prefix6}::${host}/64 dev ${device} nodad`);
      ip(where, `link set ${device} up`);
    }
    ip(namespace, `route add default via ${prefix4}.1`);
    ip(namespace, `-6 route add default via ${prefix6}::1`);
    return namespace;
  }
}

function addressesOf(side: Side): { readonly ipv4: string; readonly ipv6: string } {
  const { prefix4, prefix6 } = NETWORKS[side];
  return { ipv4: `${prefix4}.10`, ipv6: `${prefix6}::10` };
}
