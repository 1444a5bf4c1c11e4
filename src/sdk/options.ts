/** What `joinRoom` takes. */

import type { Environment } from "./environment.ts";
import { TurnpikeError } from "./errors.ts";
import type { Resumption } from "./join-request.ts";

export interface JoinOptions {
  /** The server: `https://host`, or the WebSocket itself: `wss://host/signal`. Default: where the page comes from. */
  readonly url?: string;
  /** Told to the others; 1 to 64 characters. */
  readonly name?: string;
  /** For the server's `authorize` hook. */
  readonly token?: string;
  /** Its tracks are in the first offer or answer. More: `call.addStream`. */
  readonly stream?: MediaStream;
  /** `relay`: never a direct path. Default: `all`. */
  readonly iceTransportPolicy?: RTCIceTransportPolicy;
  /** Laid over the SDK's own: a key given here wins, `iceServers` too. */
  readonly rtcConfiguration?: RTCConfiguration;
  /** `call.resumption` of a page that was loaded again: takes its seat back. Rejected with `resume-failed` when it is gone. */
  readonly resume?: Resumption;
  /** WebSocket, RTCPeerConnection, clock and timers, for places that have none of their own. */
  readonly environment?: Partial<Environment>;
}

const SIGNALING_PATH = "/signal";

/** The WebSocket's URL. Throws `bad-url`. */
export function resolveUrl(url: string | undefined, pageUrl: string | undefined): string {
  let resolved: URL;
  try {
    resolved = new URL(url ?? SIGNALING_PATH, pageUrl);
  } catch (error) {
    const problem = url === undefined ? "outside of a page `url` is needed" : `"${url}" is no URL`;
    throw new TurnpikeError("bad-url", problem, error);
  }
  const isSecure = resolved.protocol === "https:" || resolved.protocol === "wss:";
  if (!isSecure && resolved.protocol !== "http:" && resolved.protocol !== "ws:") {
    throw new TurnpikeError(
      "bad-url",
      `the URL must begin with https, http, wss or ws, not ${resolved.protocol}`,
    );
  }
  resolved.protocol = isSecure ? "wss:" : "ws:";
  if (resolved.pathname === "/") resolved.pathname = SIGNALING_PATH;
  resolved.hash = "";
  return resolved.href;
}

/** The page's own URL; undefined where there is no page. */
export function currentPageUrl(): string | undefined {
  const location: unknown = Reflect.get(globalThis, "location");
  return location instanceof Object && "href" in location ? String(location.href) : undefined;
}
