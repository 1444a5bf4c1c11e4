/** How two browsers are connected, read from `RTCPeerConnection.getStats()`. */

export type CandidateType = "host" | "srflx" | "prflx" | "relay";

export interface Path {
  /** Of the candidate on this side. `srflx` and `prflx`: an address that a NAT gave us. */
  readonly local: CandidateType;
  /** Of the candidate on the other side. */
  readonly remote: CandidateType;
  /** Between the two candidates. */
  readonly protocol: "udp" | "tcp";
  /** Between this browser and its relay; undefined without a relay on this side, or when the browser does not tell. */
  readonly relayProtocol: "udp" | "tcp" | "tls" | undefined;
  /** Of this side's relay, as in iceServers: "turn:turn.example.org:3478". */
  readonly relayUrl: string | undefined;
  /** Whether either side uses a relay. */
  readonly relayed: boolean;
  readonly roundTripTimeMs: number | undefined;
  /** For people: "Relayed over UDP through turn:turn.example.org:3478". */
  readonly sentence: string;
}

/** The fields of any stats object that are read here; browsers leave some out. */
interface Stat {
  readonly id: string;
  readonly type: string;
  readonly state?: string;
  readonly nominated?: boolean;
  readonly selected?: boolean;
  readonly selectedCandidatePairId?: string;
  readonly localCandidateId?: string;
  readonly remoteCandidateId?: string;
  readonly currentRoundTripTime?: number;
  readonly bytesReceived?: number;
  readonly candidateType?: string;
  readonly protocol?: string;
  readonly relayProtocol?: string;
  readonly url?: string;
  readonly address?: string | null;
  readonly port?: number;
}

/**
 * Undefined while no pair is selected. `remoteSdp`: what the other side has signalled, its candidates among it. A browser that hears from
 * an address before it is signalled may call it prflx for good.
 */
export function readPath(report: RTCStatsReport, remoteSdp = ""): Path | undefined {
  const stats = new Map<string, Stat>();
  report.forEach((stat: Stat, id: string) => {
    stats.set(id, stat);
  });
  const pair = selectedPair([...stats.values()], stats);
  const local = stats.get(pair?.localCandidateId ?? "");
  const remote = stats.get(pair?.remoteCandidateId ?? "");
  if (pair === undefined || local === undefined || remote === undefined) return undefined;
  const remoteType = signalledType(remote, remoteSdp) ?? candidateType(remote);
  const facts = {
    local: candidateType(local),
    remote: remoteType,
    protocol: local.protocol === "tcp" ? "tcp" : "udp",
    relayProtocol: relayProtocol(local),
    relayUrl: relayUrl(local),
    relayed: local.candidateType === "relay" || remoteType === "relay",
    roundTripTimeMs: milliseconds(pair.currentRoundTripTime),
  } as const;
  const isLocalNetwork = !isPublic(local.address) && !isPublic(remote.address);
  return { ...facts, sentence: describe(facts, isLocalNetwork) };
}

/** The same way through the network; the round-trip time may differ. */
export function isSamePath(a: Path | undefined, b: Path | undefined): boolean {
  return a?.local === b?.local && a?.remote === b?.remote && a?.sentence === b?.sentence;
}

function selectedPair(all: readonly Stat[], byId: ReadonlyMap<string, Stat>): Stat | undefined {
  for (const stat of all) {
    if (stat.type !== "transport" || stat.selectedCandidatePairId === undefined) continue;
    const pair = byId.get(stat.selectedCandidatePairId);
    if (pair !== undefined) return pair;
  }
  // Firefox names no pair in its transport: the nominated one that carries most.
  const pairs = all.filter((stat) => stat.type === "candidate-pair" && stat.state === "succeeded");
  const chosen = pairs.filter((pair) => pair.selected === true || pair.nominated === true);
  return chosen.sort(bySelectedThenBytes)[0];
}

function bySelectedThenBytes(a: Stat, b: Stat): number {
  const selected = Number(b.selected === true) - Number(a.selected === true);
  return selected !== 0 ? selected : (b.bytesReceived ?? 0) - (a.bytesReceived ?? 0);
}

function candidateType({ candidateType: type }: Stat): CandidateType {
  return toCandidateType(type);
}

function toCandidateType(type: string | undefined): CandidateType {
  return type === "srflx" || type === "prflx" || type === "relay" ? type : "host";
}

/** As its candidate line has it (RFC 8839 section 5.1): foundation, component, transport, priority, address, port, "typ", type. */
function signalledType(remote: Stat, sdp: string): CandidateType | undefined {
  if (remote.candidateType !== "prflx" || !remote.address || remote.port === undefined) return undefined;
  const place = `${remote.address} ${remote.port} typ `;
  for (const line of sdp.split("\n")) {
    const at = line.startsWith("a=candidate:") ? line.indexOf(` ${place}`) : -1;
    if (at >= 0) return toCandidateType(line.slice(at + 1 + place.length).split(/[ \r]/, 1)[0]);
  }
  return undefined;
}

function relayProtocol(local: Stat): Path["relayProtocol"] {
  const { candidateType: type, relayProtocol: protocol } = local;
  if (type !== "relay") return undefined;
  return protocol === "udp" || protocol === "tcp" || protocol === "tls" ? protocol : undefined;
}

function relayUrl({ candidateType: type, url }: Stat): string | undefined {
  return type !== "relay" || url === undefined || url === "" ? undefined : url.replace(/\?.*$/, "");
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.round(seconds * 10_000) / 10;
}

function describe(path: Omit<Path, "sentence">, isLocalNetwork: boolean): string {
  if (path.local === "relay") {
    const over = path.relayProtocol === undefined ? "" : ` over ${path.relayProtocol.toUpperCase()}`;
    return path.relayUrl === undefined ? `Relayed${over}` : `Relayed${over} through ${path.relayUrl}`;
  }
  if (path.remote === "relay") return "Relayed through the other side's relay";
  const over = path.protocol === "tcp" ? " over TCP" : "";
  if (path.local !== "host" || path.remote !== "host") return `Direct through STUN${over}`;
  return isLocalNetwork ? `Direct on the local network${over}` : `Direct${over}`;
}

/** Browsers hide the addresses of a local network behind a name, or leave them out. */
function isPublic(address: string | null | undefined): boolean {
  if (address === null || address === undefined || address === "" || address.endsWith(".local")) return false;
  if (address.includes(":")) return !/^(::1$|f[cd]|fe[89ab])/i.test(address);
  return !/^(10\.|127\.|169\.254\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(
    address,
  );
}
