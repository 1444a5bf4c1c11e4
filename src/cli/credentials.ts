/** `turnpike credentials`: TURN credentials for somebody who does not join a room. */

import type { Config } from "../config/config.ts";
import { ConfigError, type ConfigIssue } from "../config/config-error.ts";
import { turnOverTcp } from "../config/turn-over-tcp.ts";
import { buildIceServers, type IceServer } from "../credentials/ice-servers.ts";
import { type Credential, isRoomUser, issueCredential } from "../credentials/turn-credentials.ts";
import { poolIceServers } from "../credentials/turn-pool.ts";
import { formatIp } from "../stun/address.ts";
import { createCommand, type OwnFlag, readCommandLine } from "./flags.ts";
import { loadFor } from "./load.ts";
import type { Terminal } from "./terminal.ts";

const NAME: OwnFlag = {
  flag: "--name",
  value: "user",
  about: "the user part of the username (default: user)",
};
const READABLE_NAME = /^[^\p{Cc}]{1,128}$/u;

/** Prints username, credential, expiry and iceServers as JSON. The secret must be the server's. */
export function credentials(args: readonly string[], terminal: Terminal): number {
  const command = createCommand(
    terminal,
    "turnpike credentials",
    "Prints TURN credentials and iceServers as JSON; lifetime: --ttl. Takes the settings of `serve`.",
    [NAME],
  );
  const commandLine = readCommandLine(command, args, [NAME]);
  const config = loadFor(commandLine, terminal);
  const name = commandLine.own.get(NAME.flag) ?? "user";
  const issues = problems(config, name);
  const [secret] = config.secrets;
  if (issues.length > 0 || secret === undefined) throw new ConfigError(issues);

  const expiresAt = Math.floor(Date.now() / 1000) + config.ttlSeconds;
  const credential = issueCredential(secret, name, expiresAt);
  const iceServers =
    config.turnUrls.length > 0
      ? poolIceServers(config.turnUrls, name, credential)
      : ownIceServers(config, credential, terminal);
  terminal.print(JSON.stringify({ ...credential, expiresAt, iceServers }, undefined, 2));
  return 0;
}

function ownIceServers(config: Config, credential: Credential, terminal: Terminal): IceServer[] {
  const { turnPort, tls, publicHost } = config;
  const ports = {
    udp: turnPort,
    tcp: turnOverTcp(config) === "none" ? undefined : turnPort,
    tls: tls?.port === 0 ? undefined : tls?.port,
  };
  const hostIsPublic = publicHost !== undefined;
  return buildIceServers({ host: hostOf(config, terminal), hostIsPublic, ports }, credential);
}

function problems({ secretIsRandom, turnPort }: Config, name: string): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  if (secretIsRandom) {
    const message = "is missing: give the server's, best as TURNPIKE_SECRET or in the file";
    issues.push({ path: "secrets", where: "--secret", message });
  }
  if (turnPort === 0) {
    const message = "must be the port that the server listens on, not 0";
    issues.push({ path: "turnPort", where: "--turn-port", message });
  }
  if (isRoomUser(name)) {
    issues.push({ path: "name", where: NAME.flag, message: "must not look like the user of a room" });
  } else if (!READABLE_NAME.test(name)) {
    issues.push({ path: "name", where: NAME.flag, message: "must be text of 1 to 128 characters" });
  }
  return issues;
}

function hostOf({ publicHost, externalIps }: Config, terminal: Terminal): string {
  const [external] = externalIps;
  const host = publicHost ?? (external && formatIp(external));
  if (host === undefined) terminal.complain("no --public-host: iceServers name localhost");
  return host ?? "localhost";
}
