/** What a client may say: one strict schema per message type, and the reading of one text frame. */

import { z } from "zod";
import { type ClientMessage, PROTOCOL_VERSION } from "./protocol.ts";
import { isPlainlyRight, MEMBER_NAME, ROOM_NAME } from "./quick-check.ts";

const roomName = z.string().regex(ROOM_NAME, "1 to 128 characters, none of them control characters");
const memberName = z.string().regex(MEMBER_NAME, "1 to 64 characters, none of them control characters");
const peerId = z.string().min(1).max(64);
const ref = z.int().min(0);
const version = z.literal(PROTOCOL_VERSION, {
  error: ({ input }) => `this server speaks version ${PROTOCOL_VERSION}, not ${describeVersion(input)}`,
});

/** RTCSessionDescriptionInit. The size of `sdp` is bounded by the message's. */
const description = z.strictObject({
  type: z.enum(["offer", "answer", "pranswer", "rollback"]),
  sdp: z.string().exactOptional(),
});

/** RTCIceCandidateInit. Browsers and libraries add fields of their own; those are left out, not refused. */
const candidate = z.object({
  candidate: z.string().exactOptional(),
  sdpMid: z.string().nullable().exactOptional(),
  sdpMLineIndex: z.int().min(0).max(65_535).nullable().exactOptional(),
  usernameFragment: z.string().nullable().exactOptional(),
});

const candidateType = z.enum(["host", "srflx", "prflx", "relay"]);
const report = z.strictObject({
  to: peerId,
  state: z.enum(["connected", "failed", "disconnected", "closed"]),
  localCandidateType: candidateType.exactOptional(),
  remoteCandidateType: candidateType.exactOptional(),
  relayProtocol: z.enum(["udp", "tcp", "tls"]).exactOptional(),
  roundTripTimeMs: z.number().min(0).exactOptional(),
  errors: z
    .array(z.strictObject({ code: z.int(), url: z.string().max(512), text: z.string().max(512) }))
    .max(16)
    .exactOptional(),
});

const entry = {
  ref,
  v: version,
  room: roomName,
  name: memberName.exactOptional(),
  token: z.string().exactOptional(),
};
const to = peerId.exactOptional();

const resume = z.strictObject({
  type: z.literal("join"),
  ref,
  v: version,
  resumeToken: z.string().min(1).max(128),
  lastSeq: z.int().min(0),
});

/** By `type`; a join with a resumeToken has the schema above. */
const schemas: ReadonlyMap<unknown, z.ZodType<ClientMessage>> = new Map<string, z.ZodType<ClientMessage>>([
  ["create", z.strictObject({ type: z.literal("create"), ...entry })],
  ["join", z.strictObject({ type: z.literal("join"), ...entry })],
  ["offer", z.strictObject({ type: z.literal("offer"), ref, to, description })],
  ["answer", z.strictObject({ type: z.literal("answer"), ref, to, description })],
  ["candidate", z.strictObject({ type: z.literal("candidate"), ref, to, candidate: candidate.nullable() })],
  ["message", z.strictObject({ type: z.literal("message"), ref, to, data: z.unknown() })],
  ["leave", z.strictObject({ type: z.literal("leave"), ref })],
  ["ice", z.strictObject({ type: z.literal("ice"), ref })],
  ["report", z.strictObject({ type: z.literal("report"), ref, report })],
]);

/** `ref` is set whenever it could be read, so that the answer can repeat it. */
export type ReadResult =
  | { readonly ok: true; readonly message: ClientMessage }
  | { readonly ok: false; readonly ref: number | undefined; readonly problem: string };

/** Reads one text frame. Never throws; `problem` names the field and repeats nothing secret. */
export function readMessage(text: string): ReadResult {
  const value = parseObject(text);
  if (value === undefined) return { ok: false, ref: undefined, problem: "not a JSON object" };
  const found = readRef(value);
  if (found === undefined) {
    return { ok: false, ref: undefined, problem: "ref: a whole number from 0 to 2^53 - 1 is needed" };
  }
  return isPlainlyRight(value) ? { ok: true, message: value } : checkBySchema(value, found);
}

/** The rule of what is right; `ref` is the message's own. */
export function checkBySchema(value: Record<string, unknown>, ref: number): ReadResult {
  const { type } = value;
  const schema = type === "join" && Object.hasOwn(value, "resumeToken") ? resume : schemas.get(type);
  if (schema === undefined) return { ok: false, ref, problem: `type: ${describeType(type)}` };
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, message: result.data };
  return { ok: false, ref, problem: describeIssues(result.error.issues) };
}

/** The `ref` of a frame that is refused for another reason than its content. */
export function readRefOf(text: string): number | undefined {
  const value = parseObject(text);
  return value === undefined ? undefined : readRef(value);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return value as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function readRef({ ref }: Record<string, unknown>): number | undefined {
  return Number.isSafeInteger(ref) && (ref as number) >= 0 ? (ref as number) : undefined;
}

const MAX_ISSUES = 3;
const MAX_QUOTED = 40;

function describeIssues(issues: readonly z.core.$ZodIssue[]): string {
  return issues.slice(0, MAX_ISSUES).map(describeIssue).join("; ");
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const keys = issue.keys.slice(0, MAX_ISSUES).map((key) => (path === "" ? key : `${path}.${key}`));
    return keys.map((key) => `${quote(key)}: not a field of this message`).join("; ");
  }
  return `${path}: ${issue.message}`;
}

function describeType(type: unknown): string {
  if (type === undefined) return "needed";
  return typeof type === "string" ? `"${quote(type)}" is unknown` : "must be a string";
}

function describeVersion(input: unknown): string {
  return typeof input === "number" || typeof input === "string" ? quote(String(input)) : "none";
}

/** A client's own words in an answer to it: cut, so that an answer is never longer than what it answers. */
function quote(text: string): string {
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}...` : text;
}
