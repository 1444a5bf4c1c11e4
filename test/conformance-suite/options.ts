/** The command line of `npm run conformance`. */

import { parseArgs } from "node:util";
import { issueCredential } from "../../src/credentials/turn-credentials.ts";
import { type IpAddress, parseIp, type TransportAddress } from "../../src/stun/address.ts";
import { ALICE, BOB, CAROL } from "../conformance/target.ts";
import type { Credentials } from "../support/turn-request.ts";
import { isNearby, parseServerUri } from "./server-uri.ts";

export const USAGE = `Usage: npm run conformance -- turn:HOST:PORT [turn:[HOST]:PORT] --user NAME:PASSWORD… [--secret S] [options]

Holds a running TURN server against the rules of test/conformance/rules over UDP, and prints what it found, rule by rule.
HOST is an IP address; a server with both families is named twice, once by each.

  --user NAME:PASSWORD        a user that the server knows; up to three of them
  --secret S                  the server's secret of the REST convention: makes the users that --user does not name
  --peer IP                   where the peers are, an address of this machine; a second one of the family for the rules
                              that need two
  --json                      print JSON
  --yes-this-server-is-mine   for a server that is neither on this machine nor in a private network`;

const USERS = 3;
const CREDENTIAL_SECONDS = 3600;

export interface SuiteOptions {
  /** At most one of each family. */
  readonly servers: readonly TransportAddress[];
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

/** Every error, not only the first. `nowSeconds`: Unix time. */
export function parseOptions(args: readonly string[], nowSeconds: number): ParsedOptions {
  const { values, positionals, errors } = readArgs(args);
  const servers = positionals.map((uri) => ({ uri, address: parseServerUri(uri) }));
  for (const { uri, address } of servers) {
    if (address === undefined) errors.push(`${uri}: not turn:HOST:PORT with an IP address as HOST`);
    else if (!values.isMine && !isNearby(address))
      errors.push(`${uri}: neither here nor in a private network; --yes-this-server-is-mine if it is yours`);
  }
  const addresses = servers.map(({ address }) => address).filter((address) => address !== undefined);
  if (positionals.length === 0) errors.push("no server: turn:HOST:PORT");
  if (new Set(addresses.map(({ family }) => family)).size < addresses.length)
    errors.push("two servers of one address family");
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
    servers: addresses,
    users,
    staticUsers: staticUsers.length,
    peers: peers.filter((peer) => peer !== undefined),
    isMine: values.isMine,
  };
  return { ok: true, options, json: values.json };
}

function readArgs(args: readonly string[]) {
  const errors: string[] = [];
  const { tokens } = parseArgs({
    args: [...args],
    options: {
      user: { type: "string", multiple: true },
      secret: { type: "string" },
      peer: { type: "string", multiple: true },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const positionals: string[] = [];
  const values = { users: [] as string[], peers: [] as string[], secret: "", json: false, isMine: false };
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const { rawName, value = "" } = token;
    if (rawName === "--json") values.json = true;
    else if (rawName === "--yes-this-server-is-mine") values.isMine = true;
    else if (rawName === "--user") values.users.push(value);
    else if (rawName === "--peer") values.peers.push(value);
    else if (rawName === "--secret" && value !== "") values.secret = value;
    else errors.push(rawName === "--secret" ? "--secret: empty" : `${rawName}: unknown option`);
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
