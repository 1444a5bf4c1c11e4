/** The system calls of the batched UDP engine, by way of koffi. Addresses are numbers: they all lie in one arena. */

import { arch, platform } from "node:process";

type Call = (...args: number[]) => number;

/** Each returns -1 on failure; `errno` is that of the call before. */
export interface Libc {
  readonly socket: Call;
  readonly bind: Call;
  readonly getsockname: Call;
  readonly setsockopt: Call;
  readonly close: Call;
  readonly dup2: Call;
  readonly recvfrom: Call;
  readonly recvmmsg: Call;
  readonly recvmsg: Call;
  readonly sendto: Call;
  readonly sendmmsg: Call;
  readonly epollCreate: Call;
  readonly epollControl: Call;
  readonly epollWait: Call;
  /** Blocks the thread for so many microseconds. */
  readonly usleep: Call;
  /** Makes a descriptor that `write` makes readable. */
  readonly eventfd: Call;
  readonly write: Call;
  errno(): number;
  addressOf(bytes: Uint8Array): number;
}

export type LibcResult =
  | { readonly ok: true; readonly libc: Libc }
  | { readonly ok: false; readonly reason: string };

/** Where struct layouts are known (layout.ts). */
const ARCHITECTURES: readonly string[] = ["x64", "arm64"];

type Koffi = Pick<typeof import("koffi"), "load" | "errno" | "address">;

/** What decides whether the engine can be had. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  importKoffi(): Promise<Koffi>;
}

const THIS_MACHINE: Machine = {
  platform,
  arch,
  importKoffi: async () => (await import("koffi")).default,
};

/** Not there on another system, or where koffi is not installed: `reason` tells in words. */
export async function loadLibc(machine: Machine = THIS_MACHINE): Promise<LibcResult> {
  const { platform, arch, importKoffi } = machine;
  if (platform !== "linux") return { ok: false, reason: `it needs Linux; this is ${platform}` };
  if (!ARCHITECTURES.includes(arch)) return { ok: false, reason: `it does not know the processor ${arch}` };
  try {
    return { ok: true, libc: declare(await importKoffi()) };
  } catch (error) {
    return { ok: false, reason: `the package koffi does not load: ${firstLine(error)}` };
  }
}

function declare(koffi: Koffi): Libc {
  // The process itself: its libc is loaded already, whichever one it is.
  const library = koffi.load(null);
  const call = (declaration: string): Call => library.func(declaration);
  return {
    socket: call("int socket(int, int, int)"),
    bind: call("int bind(int, int64, uint)"),
    getsockname: call("int getsockname(int, int64, int64)"),
    setsockopt: call("int setsockopt(int, int, int, int64, uint)"),
    close: call("int close(int)"),
    dup2: call("int dup2(int, int)"),
    recvfrom: call("int64 recvfrom(int, int64, uint64, int, int64, int64)"),
    recvmmsg: call("int recvmmsg(int, int64, uint, int, int64)"),
    recvmsg: call("int64 recvmsg(int, int64, int)"),
    sendto: call("int64 sendto(int, int64, uint64, int, int64, uint)"),
    sendmmsg: call("int sendmmsg(int, int64, uint, int)"),
    epollCreate: call("int epoll_create1(int)"),
    epollControl: call("int epoll_ctl(int, int, int, int64)"),
    epollWait: call("int epoll_wait(int, int64, int, int)"),
    usleep: call("int usleep(uint)"),
    eventfd: call("int eventfd(uint, int)"),
    write: call("int64 write(int, int64, uint64)"),
    errno: () => koffi.errno(),
    addressOf: (bytes) => Number(koffi.address(bytes)),
  };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
}
