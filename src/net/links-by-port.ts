/** Links of clients that hold something, by port and then by address: a port is rarely had by two. */

import type { ClientLink } from "../turn/ports.ts";

export class LinksByPort<Link extends ClientLink> {
  readonly #byPort = new Map<number, Link[]>();

  /** Undefined where nobody with this port holds anything. */
  at(port: number): readonly Link[] | undefined {
    return this.#byPort.get(port);
  }

  add(link: Link): void {
    const onPort = this.#byPort.get(link.remote.port);
    if (onPort === undefined) this.#byPort.set(link.remote.port, [link]);
    else if (!onPort.includes(link)) onPort.push(link);
  }

  remove(link: Link): void {
    const rest = this.#byPort.get(link.remote.port)?.filter((other) => other !== link) ?? [];
    if (rest.length === 0) this.#byPort.delete(link.remote.port);
    else this.#byPort.set(link.remote.port, rest);
  }
}
