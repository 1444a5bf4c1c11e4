/** docs/protocol.md against the server: its examples, its codes, and its transcript, played to a hub. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { buildIceServers, type IceServer } from "../../../src/credentials/ice-servers.ts";
import { CLOSE_CODES, type ServerMessage } from "../../../src/signaling/protocol.ts";
import { readMessage } from "../../../src/signaling/schemas.ts";
import { ERROR_CODES } from "../../support/error-codes.ts";
import { Bench, type Client } from "./bench.ts";

const DOC = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");

/** Every type: the compiler sees to it that none is missing. */
const SERVER_TYPES: Record<ServerMessage["type"], true> = {
  ok: true,
  error: true,
  joined: true,
  "peer-joined": true,
  "peer-away": true,
  "peer-back": true,
  "peer-left": true,
  offer: true,
  answer: true,
  candidate: true,
  message: true,
  "ice-servers": true,
  "room-closed": true,
  kicked: true,
  "go-away": true,
  notice: true,
};
const CLIENT_TYPES = ["create", "join", "offer", "answer", "candidate", "message", "leave", "ice", "report"];

function linesOf(info: string): string[] {
  const blocks = DOC.matchAll(new RegExp(`^\`\`\`${info}\\n([\\s\\S]*?)^\`\`\`$`, "gm"));
  return [...blocks].flatMap(([, text = ""]) => text.split("\n").filter((line) => line !== ""));
}

function section(heading: string): string {
  return DOC.split(/^## /m).find((text) => text.startsWith(heading)) ?? "";
}

const typesOf = (lines: string[]) =>
  new Set(lines.map((line) => (JSON.parse(line) as { type: string }).type));

describe("docs/protocol.md", () => {
  test.each(linesOf("json client"))("a client may say %s", (line) => {
    expect(readMessage(line)).toMatchObject({ ok: true });
  });

  test("shows every message of either side", () => {
    expect([...typesOf(linesOf("json client"))].sort()).toEqual([...CLIENT_TYPES].sort());
    expect([...typesOf(linesOf("json server"))].sort()).toEqual(Object.keys(SERVER_TYPES).sort());
  });

  test("lists every error code and every close code, and no others", () => {
    const listed = [...section("Error codes").matchAll(/^\| `([\w-]+)` \|/gm)].map(([, code]) => code);
    expect(listed.sort()).toEqual(Object.keys(ERROR_CODES).sort());
    const closes = [...section("Close codes").matchAll(/^\| (4\d\d\d) \|/gm)].map(([, code]) => Number(code));
    expect(closes).toEqual(Object.values(CLOSE_CODES));
  });
});

describe("the iceServers of docs/protocol.md", () => {
  const iceServersIn = (lines: string[]) =>
    lines.flatMap((line) => {
      const { iceServers } = JSON.parse(line.replace(/^\w+ +< /, "")) as { iceServers?: IceServer[] };
      return iceServers === undefined ? [] : [iceServers];
    });
  const asBuilt = (host: string, hostIsPublic: boolean, shown: readonly IceServer[]) => {
    const [, { username = "", credential = "" } = {}] = shown;
    const ports = { udp: 3478, tcp: 3478, tls: 443 };
    return buildIceServers({ host, ports, hostIsPublic }, { username, credential });
  };

  test("are what the server builds for its public name, with TLS", () => {
    const spoken = linesOf("transcript").filter((line) => /^\w+ +< /.test(line));
    const shown = iceServersIn([...linesOf("json server"), ...spoken]);
    expect(shown.length).toBeGreaterThan(4);
    for (const one of shown) expect(one).toEqual(asBuilt("call.example.com", true, one));
  });

  test("are what it builds for an IPv6 address, in brackets", () => {
    const [shown = []] = linesOf("json iceServers").map((line) => JSON.parse(line) as IceServer[]);
    expect(shown).toEqual(asBuilt("2001:db8::7", false, shown));
  });
});

/** Plays the transcript. What is random gets the page's value where the page first shows it. */
class Play {
  readonly #clients = new Map<string, Client>();
  readonly #read = new Map<string, number>();
  /** The hub's random value → the page's. */
  readonly #names = new Map<string, string>();
  readonly #bench = new Bench(
    { maxMessageBytes: 65_536 },
    { issueIceServers: () => ({ iceServers: [], expiresAt: 1_800_003_600 }) },
  );

  perform(line: string): void {
    const said = /^(\w+) +([<>]) (.*)$/.exec(line);
    const [, who = "", direction, text = ""] = said ?? [];
    if (direction === ">") this.#client(who).connection.receiveText(this.#toHub(text));
    else if (direction === "<") this.#hear(who, JSON.parse(text) as Record<string, unknown>);
    else if (line.endsWith("loses his network")) this.#client(line.split(" ")[0] ?? "").link.vanish();
    else this.#clients.delete(line.split(" ")[0] ?? "");
  }

  expectNothingMore(): void {
    for (const [who, client] of this.#clients) {
      expect(client.link.received).toHaveLength(this.#read.get(who) ?? 0);
    }
  }

  #client(who: string): Client {
    const known = this.#clients.get(who);
    if (known !== undefined) return known;
    const client = this.#bench.client();
    this.#clients.set(who, client);
    this.#read.set(who, 0);
    return client;
  }

  #hear(who: string, shown: Record<string, unknown>): void {
    const index = this.#read.get(who) ?? 0;
    this.#read.set(who, index + 1);
    const heard = this.#client(who).link.received[index] as Record<string, unknown> | undefined;
    for (const field of ["peer", "resumeToken"]) {
      if (heard?.type === "joined") this.#names.set(String(heard[field]), String(shown[field]));
    }
    const expected = shown.type === "joined" ? { ...shown, iceServers: [] } : shown;
    expect(JSON.parse(this.#toPage(JSON.stringify(heard)))).toEqual(expected);
  }

  #toPage(text: string): string {
    let replaced = text;
    for (const [random, shown] of this.#names) replaced = replaced.replaceAll(random, shown);
    return replaced;
  }

  #toHub(text: string): string {
    let replaced = text;
    for (const [random, shown] of this.#names) replaced = replaced.replaceAll(shown, random);
    return replaced;
  }
}

test("the transcript is what the hub says, message by message and number by number", () => {
  const lines = linesOf("transcript");
  const play = new Play();
  expect(lines.length).toBeGreaterThan(20);
  for (const line of lines) play.perform(line);
  play.expectNothingMore();
});
