/** The command line of `npm run conformance`. */

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { issueCredential } from "../../src/credentials/turn-credentials.ts";
import { type IpAddress, parseIp, type TransportAddress } from "../../src/stun/address.ts";
import { ALICE, BOB, CAROL } from "../conformance/target.ts";
import type { TlsSettings } from "../support/stream-transport.ts";
import type { Credentials } from "../support/turn-request.ts";
import { parseServerUri, type ServerTransport } from "./server-uri.ts";
import { isNearby } from "./whose-address.ts";

export const USAGE = `Usage: npm run conformance -- SERVER [SERVER] --user NAME:PASSWORD… [--secret S] [options]

Holds a running TURN server against the rules of test/conformance/rules, and prints what it found, rule by rule.

  SERVER                      turn:HOST:PORT, turn:HOST:PORT?transport=tcp, or turns:HOST:PORT for TLS. HOST is a
                              name or an IP address, IPv6 in brackets. A server with both families is named twice, by an
                              address of each: clients come over the family that is named first
  --user NAME:PASSWORD        a user that the server knows; up to three of them
  --secret S                  the server's secret of the REST convention: makes the users that --user does not name
  --ca FILE                   of turns: the authority, or the certificate itself, in PEM
  --servername NAME           of turns: the name that the certificate is for; HOST otherwise
  --insecure                  of turns: any certificate will do
  --peer IP                   where the peers are, an address of this machine; a second one of the family for the rules
                              that need two
  --json                      print JSON
  --yes-this-server-is-mine   for a server that is neither on this machine nor in a private network`;

const USERS = 3;
const CREDENTIAL_SECONDS = 3600;
/** Options with a value that is not empty. */
const SINGLE: ReadonlySet<string> = new Set(["--secret", "--ca", "--servername"]);

export interface SuiteOptions {
  /** At most one of each family; clients come over the family of the first. */
  readonly servers: readonly TransportAddress[];
  /** How clients reach every one of them. */
  readonly transport: ServerTransport;
  /** How the certificate is judged, over TLS. */
  readonly tls: TlsSettings;
  /** One to three. */
  readonly users: readonly Credentials[];
  /** How many of the users, the first ones, are the server's static ones. */
  readonly staticUsers: number;
  readonly peers: readonly IpAddress[];
  readonly isMine: boolean;
}

export type ParsedOptions =
  | { readonly ok: true; readonly options: SuiteOptions; readonly json: boolean }
  | { readonly ok: false; readonly errors: readonly string[] };

/** Every error, not only the first. `nowSeconds`: Unix time. Reads the file of `--ca`. */
export function parseOptions(args: readonly string[], nowSeconds: number): ParsedOptions {
  const { values, positionals, errors } = readArgs(args);
  const { servers, transport } = readServers(positionals, values.isMine, errors);
  const tls = readTls(values, transport, errors);
  const given = values.users.map(parseUser);
  if (given.includes(undefined)) errors.push("--user: not NAME:PASSWORD");
  const staticUsers = given.filter((user) => user !== undefined);
  const users = [...staticUsers, ...restUsers(values.secret, nowSeconds)].slice(0, USERS);
  if (users.length === 0) errors.push("no user: --user NAME:PASSWORD or --secret S");
  if (staticUsers.length > USERS) errors.push(`--user: more than ${USERS}`);
  const peers = values.peers.map((text) => parseIp(text));
  if (peers.includes(undefined)) errors.push("--peer: not an IP address");
  if (errors.length > 0) return { ok: false, errors };
  const options = {
    servers,
    transport,
    tls,
    users,
    staticUsers: staticUsers.length,
    peers: peers.filter((peer) => peer !== undefined),
    isMine: values.isMine,
  };
  return { ok: true, options, json: values.json };
}

function readServers(uris: readonly string[], isMine: boolean, errors: string[]) {
  if (uris.length === 0) errors.push("no server: turn:HOST:PORT");
  const servers: TransportAddress[] = [];
  const transports = new Set<ServerTransport>();
  for (const uri of uris) {
    const parsed = parseServerUri(uri);
    if (typeof parsed === "string") {
      errors.push(`${uri}: ${parsed}`);
      continue;
    }
    if (!isMine && !isNearby(parsed.address))
      errors.push(`${uri}: neither here nor in a private network; --yes-this-server-is-mine if it is yours`);
    servers.push(parsed.address);
    transports.add(parsed.transport);
  }
  if (new Set(servers.map(({ family }) => family)).size < servers.length)
    errors.push("two servers of one address family");
  const [transport = "udp", ...more] = transports;
  if (more.length > 0) errors.push("two servers with different transports: one run is over one of them");
  return { servers, transport };
}

function readTls(
  { ca, servername, isInsecure }: ReturnType<typeof readArgs>["values"],
  transport: ServerTransport,
  errors: string[],
): TlsSettings {
  const isJudged = ca !== undefined || servername !== undefined;
  if (transport !== "tls" && (isJudged || isInsecure))
    errors.push("--ca, --servername and --insecure are of turns: only");
  if (isJudged && isInsecure)
    errors.push("--insecure judges no certificate: not together with --ca, --servername");
  return {
    ...(ca !== undefined && { ca: readCertificate(ca, errors) }),
    ...(servername !== undefined && { servername }),
    ...(isInsecure && { rejectUnauthorized: false }),
  };
}

function readCertificate(file: string, errors: string[]): string {
  try {
    const text = readFileSync(file, "utf8");
    new X509Certificate(text);
    return text;
  } catch (error) {
    const why = error instanceof Error && "syscall" in error ? error.message : "no certificate in PEM";
    errors.push(`--ca ${file}: ${why}`);
    return "";
  }
}

function readArgs(args: readonly string[]) {
  const errors: string[] = [];
  const { tokens } = parseArgs({
    args: [...args],
    options: {
      user: { type: "string", multiple: true },
      secret: { type: "string" },
      peer: { type: "string", multiple: true },
      ca: { type: "string" },
      servername: { type: "string" },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const positionals: string[] = [];
  const values = {
    users: [] as string[],
    peers: [] as string[],
    secret: "",
    ca: undefined as string | undefined,
    servername: undefined as string | undefined,
    isInsecure: false,
    json: false,
    isMine: false,
  };
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const { rawName, value = "" } = token;
    if (rawName === "--json") values.json = true;
    else if (rawName === "--yes-this-server-is-mine") values.isMine = true;
    else if (rawName === "--insecure") values.isInsecure = true;
    else if (rawName === "--user") values.users.push(value);
    else if (rawName === "--peer") values.peers.push(value);
    else if (!SINGLE.has(rawName)) errors.push(`${rawName}: unknown option`);
    else if (value === "") errors.push(`${rawName}: empty`);
    else if (rawName === "--secret") values.secret = value;
    else if (rawName === "--ca") values.ca = value;
    else values.servername = value;
  }
  return { values, positionals, errors };
}

/** A password may have colons in it. */
function parseUser(text: string): Credentials | undefined {
  const colon = text.indexOf(":");
  return colon > 0 && colon < text.length - 1
    ? { username: text.slice(0, colon), password: text.slice(colon + 1) }
    : undefined;
}

function restUsers(secret: string, nowSeconds: number): Credentials[] {
  if (secret === "") return [];
  return [ALICE, BOB, CAROL].map((user) => {
    const { username, credential } = issueCredential(secret, user.username, nowSeconds + CREDENTIAL_SECONDS);
    return { username, password: credential };
  });
}
