/**
 * Two connections made one (RFC 6062 section 5.4): bytes as they are, read no faster than the other side takes them and the meter
 * lets them. What waits is a read or two in the process; what is more waits in the kernels, and then at the sender.
 */

import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import type { StreamMeter } from "../turn/tcp-ports.ts";

/** Both are paused, and may have ended already. An end is passed on; the way back stays open. */
export function splice(client: Duplex, peer: Duplex, meter: StreamMeter): void {
  closeTogether(client, peer);
  closeTogether(peer, client);
  copy(client, peer, (bytes) => meter.sent(bytes));
  copy(peer, client, (bytes) => meter.received(bytes));
}

function copy(from: Duplex, to: Duplex, count: (bytes: number) => number): void {
  let isFull = false;
  let pause: NodeJS.Timeout | undefined;
  function passOn(bytes: Buffer): void {
    const waitMs = count(bytes.length);
    isFull = !to.write(bytes);
    if (waitMs > 0) pause = setTimeout(endPause, waitMs);
    if (isFull || waitMs > 0) from.pause();
  }
  function endPause(): void {
    pause = undefined;
    if (!isFull) from.resume();
  }
  function goOn(): void {
    isFull = false;
    if (pause === undefined) from.resume();
  }
  function passOnEnd(): void {
    to.end();
  }
  if (from.readableEnded) return passOnEnd();
  from.on("data", passOn);
  from.once("end", passOnEnd);
  from.once("close", () => clearTimeout(pause));
  to.on("drain", goOn);
  from.resume();
}

/** RFC 6062 section 5.5: when one is closed, "the server MUST close" the other; after what it has still to be given, if it was not cut. */
function closeTogether(closing: Duplex, other: Duplex): void {
  closing.once("close", () => {
    if (closing.readableEnded) other.end(() => other.destroy());
    else cut(other);
  });
}

/** What it was given may lack its end, and must not be taken for whole; over TCP a reset says so. */
function cut(stream: Duplex): void {
  if (stream instanceof Socket && !(stream instanceof TLSSocket)) stream.resetAndDestroy();
  else stream.destroy();
}
