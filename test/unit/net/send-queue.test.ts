import { constants } from "node:os";
import { beforeEach, expect, test } from "vitest";
import { Arena, SEND_SLOTS } from "../../../src/net/udp-batch/arena.ts";
import type { BatchSocket } from "../../../src/net/udp-batch/batch-socket.ts";
import {
  IOVEC,
  IP_MTU_DISCOVER,
  IP_PMTUDISC_DO,
  IP_PMTUDISC_OMIT,
  IPPROTO_IP,
  MMSGHDR,
  SEGMENT_CONTROL,
  SOCKADDR,
} from "../../../src/net/udp-batch/layout.ts";
import type { Libc } from "../../../src/net/udp-batch/libc.ts";
import { MAX_ERRNO, SendErrors, sendErrorsByName } from "../../../src/net/udp-batch/send-errors.ts";
import { MAX_TOLD, SendQueue } from "../../../src/net/udp-batch/send-queue.ts";
import { parseIp, type TransportAddress, withPort } from "../../../src/stun/address.ts";

const { EAGAIN, ECONNREFUSED, EHOSTUNREACH, EINTR, EINVAL, EIO, EMSGSIZE, ENETUNREACH } = constants.errno;
/** Any address of the arena's first byte: the fake system reads the arena itself. */
const BASE = 0x7f12_3456_7000;

interface Datagram {
  readonly descriptor: number;
  readonly to: string;
  readonly bytes: string;
}

interface SystemCall {
  readonly headers: number;
  readonly taken: number;
}

let arena: Arena;
let queue: SendQueue;
let counts: Float64Array;
/** What arrived, cut into datagrams as the kernel does. */
let sent: Datagram[];
let calls: SystemCall[];
/** Errors of the next calls; 0: none. */
let failures: number[];
let errno = 0;
/** What was set of a socket, before how many packets. */
let options: { readonly before: number; readonly value: number }[];

function at(address: number): number {
  return address - BASE;
}

/** What `sendmmsg` would put on the wire for one header. */
function readHeader(descriptor: number, offset: number): Datagram[] {
  const { bytes } = arena;
  const pointer = (field: number) => at(Number(bytes.readBigUInt64LE(field)));
  const to = readName(pointer(offset + MMSGHDR.name), bytes.readUInt32LE(offset + MMSGHDR.nameLength));
  const iov = pointer(offset + MMSGHDR.iov);
  const parts: Buffer[] = [];
  for (let i = 0; i < bytes.readUInt32LE(offset + MMSGHDR.iovCount); i++) {
    const start = pointer(iov + i * IOVEC.size);
    parts.push(bytes.subarray(start, start + bytes.readUInt32LE(iov + i * IOVEC.size + IOVEC.length)));
  }
  const whole = Buffer.concat(parts);
  const hasControl = bytes.readUInt32LE(offset + MMSGHDR.controlLength) > 0;
  const segment = hasControl
    ? bytes.readUInt16LE(pointer(offset + MMSGHDR.control) + SEGMENT_CONTROL.data)
    : Math.max(1, whole.length);
  const datagrams: Datagram[] = [];
  for (let start = 0; start === 0 || start < whole.length; start += segment)
    datagrams.push({ descriptor, to, bytes: whole.toString("latin1", start, start + segment) });
  return datagrams;
}

/** Takes everything but what `failures` says: a failure is of the first header that is left. */
function sendmmsg(descriptor = 0, headers = 0, count = 0): number {
  const failure = failures.shift() ?? 0;
  if (failure !== 0) {
    errno = failure;
    calls.push({ headers: count, taken: -1 });
    return -1;
  }
  // What fails in the middle ends the call before it.
  const taken = failures.length > 0 ? 1 : count;
  for (let i = 0; i < taken; i++) sent.push(...readHeader(descriptor, at(headers) + i * MMSGHDR.size));
  calls.push({ headers: count, taken });
  return taken;
}

/** One datagram, without a header. */
function sendto(descriptor = 0, data = 0, length = 0, _flags = 0, name = 0, nameLength = 0): number {
  const failure = failures.shift() ?? 0;
  if (failure !== 0) {
    errno = failure;
    return -1;
  }
  const bytes = arena.bytes.toString("latin1", at(data), at(data) + length);
  sent.push({ descriptor, to: readName(at(name), nameLength), bytes });
  return length;
}

function readName(name: number, length: number): string {
  const { bytes } = arena;
  const ip =
    length === SOCKADDR.ipv4
      ? [...bytes.subarray(name + 4, name + 8)].join(".")
      : bytes.toString("hex", name + 8, name + 24);
  return `${ip}:${bytes.readUInt16BE(name + SOCKADDR.port)}`;
}

function address(text: string, port: number): TransportAddress {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(text);
  return withPort(ip, port);
}

function socket(descriptor: number): BatchSocket {
  return {
    descriptor,
    address: A,
    mayJoin: true,
    forbidsFragments: false,
    tooLarge: [],
  } as Partial<BatchSocket> as BatchSocket;
}

function push(to: BatchSocket, target: TransportAddress, text: string, dontFragment = false): void {
  const data = Buffer.from(text, "latin1");
  const start = arena.place(data, 0, data.length);
  if (start === undefined) throw new Error("no room");
  queue.push(to, target, start, data.length, dontFragment);
}

/** Remembers what a socket was told about fragments, among what was sent. */
function setsockopt(_descriptor = 0, level = 0, option = 0, value = 0, length = 0): number {
  const failure = failures.shift() ?? 0;
  errno = failure;
  if (failure !== 0) return -1;
  expect([level, option, length]).toEqual([IPPROTO_IP, IP_MTU_DISCOVER, 4]);
  options.push({ before: sent.length, value: arena.bytes.readInt32LE(at(value)) });
  return 0;
}

const texts = () => sent.map(({ bytes }) => bytes);
const A = address("192.0.2.1", 4001);
const B = address("2001:db8::2", 4002);

beforeEach(() => {
  const unused = () => 0;
  const libc: Libc = {
    socket: unused,
    bind: unused,
    getsockname: unused,
    setsockopt,
    close: unused,
    dup2: unused,
    recvfrom: unused,
    recvmmsg: unused,
    recvmsg: unused,
    sendto,
    sendmmsg,
    epollCreate: unused,
    epollControl: unused,
    epollWait: unused,
    usleep: unused,
    eventfd: unused,
    write: unused,
    errno: () => errno,
    addressOf: () => BASE,
  };
  arena = new Arena(libc);
  counts = new Float64Array(MAX_ERRNO);
  queue = new SendQueue(libc, arena, new SendErrors(counts));
  [sent, calls, failures, errno, options] = [[], [], [], 0, []];
});

test("packets of one socket leave in one call, in order, each to its own address", () => {
  const one = socket(7);
  push(one, A, "first");
  push(one, B, "second");
  push(one, A, "third");
  expect(sent).toEqual([]);
  queue.flush();
  expect(calls).toEqual([{ headers: 3, taken: 3 }]);
  expect(sent).toEqual([
    { descriptor: 7, to: "192.0.2.1:4001", bytes: "first" },
    { descriptor: 7, to: `20010db8${"0".repeat(23)}2:4002`, bytes: "second" },
    { descriptor: 7, to: "192.0.2.1:4001", bytes: "third" },
  ]);
  queue.flush();
  expect(calls).toHaveLength(1);
});

test("what goes to one destination with one size is joined, a shorter one at the end with it", () => {
  const one = socket(7);
  for (const text of ["aaaa", "bbbb", "cccc", "dd", "eeee"]) push(one, A, text);
  queue.flush();
  expect(calls).toEqual([{ headers: 2, taken: 2 }]);
  expect(texts()).toEqual(["aaaa", "bbbb", "cccc", "dd", "eeee"]);
});

test("empty packets, and packets that a network may have to fragment, are never joined", () => {
  const one = socket(7);
  const large = "x".repeat(2000);
  for (const text of ["", "", large, large]) push(one, A, text);
  queue.flush();
  expect(calls).toEqual([{ headers: 4, taken: 4 }]);
  expect(texts()).toEqual(["", "", large, large]);
});

test("a full queue leaves as it came", () => {
  const one = socket(7);
  const wanted = Array.from({ length: SEND_SLOTS }, (_, i) => `packet ${i}`);
  for (const text of wanted) {
    expect(queue.hasRoom).toBe(true);
    push(one, A, text);
  }
  expect(queue.hasRoom).toBe(false);
  queue.flush();
  expect(texts()).toEqual(wanted);
  expect(queue.hasRoom).toBe(true);
});

test("sockets take turns as their packets came", () => {
  push(socket(7), A, "of 7");
  push(socket(8), A, "of 8");
  queue.flush();
  expect(sent.map(({ descriptor }) => descriptor)).toEqual([7, 8]);
});

test("a packet that the system does not take is lost and counted; those behind it leave", () => {
  failures = [EAGAIN];
  const one = socket(7);
  push(one, A, "lost");
  push(one, B, "sent");
  queue.flush();
  expect(texts()).toEqual(["sent"]);
  expect([...sendErrorsByName(counts)]).toEqual([["EAGAIN", 1]]);
});

test.each([ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EMSGSIZE])(
  "word of a packet before this one (errno %i) is no error of this one",
  (code) => {
    failures = [code, EINTR];
    push(socket(7), A, "sent");
    queue.flush();
    expect(texts()).toEqual(["sent"]);
    expect([...sendErrorsByName(counts)]).toEqual([]);
  },
);

test("word of a packet before it comes with each flush, and twice at once: no packet is lost", () => {
  const one = socket(7);
  for (const text of ["first", "second", "third"]) {
    failures = [ECONNREFUSED, ECONNREFUSED];
    push(one, A, text);
    queue.flush();
  }
  expect(texts()).toEqual(["first", "second", "third"]);
  expect([...sendErrorsByName(counts)]).toEqual([]);
});

test("a socket that is refused again and again does not hold up the others", () => {
  failures = new Array(MAX_TOLD + 1).fill(ECONNREFUSED);
  push(socket(7), A, "lost");
  push(socket(8), A, "sent");
  queue.flush();
  expect(texts()).toEqual(["sent"]);
  expect([...sendErrorsByName(counts)]).toEqual([["ECONNREFUSED", 1]]);
});

/** How many headers the last call had for two packets to each. */
function headersOfPairs(one: BatchSocket, ...targets: readonly TransportAddress[]): number | undefined {
  for (const target of targets) for (const text of ["eeee", "ffff"]) push(one, target, text);
  queue.flush();
  return calls.at(-1)?.headers;
}

const AGAIN_AND_AGAIN: number[] = new Array(MAX_TOLD + 1).fill(EMSGSIZE);

test.each<[string, number[], number]>([
  ["a device that does not cut datagrams gets all of them one by one from then on", [EIO], 4],
  ["where the way is too narrow they go one by one from then on, elsewhere joined as before", [EINVAL], 3],
  ["the same where the system says it with another word, again and again", AGAIN_AND_AGAIN, 3],
])("%s", (_name, codes, headers) => {
  const one = socket(7);
  for (const text of ["aaaa", "bbbb", "cccc"]) push(one, A, text);
  push(one, B, "dddd");
  failures = codes;
  queue.flush();
  expect(texts()).toEqual(["aaaa", "bbbb", "cccc", "dddd"]);
  expect([...sendErrorsByName(counts)]).toEqual([]);
  expect(headersOfPairs(one, A, B)).toBe(headers);
});

test("a packet that may not be cut in pieces leaves in order, alone of its kind, and the next may again", () => {
  const one = socket(7);
  for (const text of ["aaaa", "bbbb"]) push(one, A, text);
  for (const text of ["cccc", "dddd"]) push(one, A, text, true);
  push(one, A, "eeee");
  queue.flush();
  expect(texts()).toEqual(["aaaa", "bbbb", "cccc", "dddd", "eeee"]);
  expect(options).toEqual([
    { before: 2, value: IP_PMTUDISC_DO },
    { before: 4, value: IP_PMTUDISC_OMIT },
  ]);
  // Joined those that may be, the others a header each.
  expect(calls.map(({ headers }) => headers)).toEqual([1, 2]);
  push(one, A, "ffff");
  queue.flush();
  expect(options).toHaveLength(2);
});

test("larger than the path is known to carry: lost and counted once, those behind it leave", () => {
  const one = socket(7);
  push(one, A, "too large", true);
  push(one, A, "sent");
  failures = [0, EMSGSIZE];
  queue.flush();
  expect(texts()).toEqual(["sent"]);
  expect([...sendErrorsByName(counts)]).toEqual([["EMSGSIZE", 1]]);
  expect(one).toMatchObject({ mayJoin: true, tooLarge: [A] });
});

test("where the system does not forbid fragments, the packet is lost and counted, and later ones leave", () => {
  const one = socket(7);
  push(one, A, "lost", true);
  push(one, A, "sent");
  failures = [EINVAL];
  queue.flush();
  expect(texts()).toEqual(["sent"]);
  expect([...sendErrorsByName(counts)]).toEqual([["EINVAL", 1]]);
  push(one, A, "in one piece", true);
  queue.flush();
  expect(texts()).toEqual(["sent", "in one piece"]);
});

test("where nothing helps, because the address is gone, packets are counted, and later ones are joined again", () => {
  const one = socket(7);
  for (const text of ["aaaa", "bbbb"]) push(one, A, text);
  failures = [EINVAL, EINVAL, EINVAL];
  queue.flush();
  expect([...sendErrorsByName(counts)]).toEqual([["EINVAL", 2]]);
  for (const text of ["cccc", "dddd"]) push(one, A, text);
  queue.flush();
  expect(texts()).toEqual(["cccc", "dddd"]);
  expect(calls.at(-1)).toEqual({ headers: 1, taken: 1 });
});

test("no address leaves the arena", () => {
  expect(() => arena.addressOf(arena.bytes.length - 3, 4)).toThrow(RangeError);
  expect(() => arena.addressOf(-1, 1)).toThrow(RangeError);
  expect(() => arena.addressOf(Number.NaN, 1)).toThrow(RangeError);
  expect(arena.addressOf(arena.bytes.length - 4, 4)).toBe(BASE + arena.bytes.length - 4);
  push(socket(7), A, "sent");
  queue.flush();
  expect(texts()).toEqual(["sent"]);
});
