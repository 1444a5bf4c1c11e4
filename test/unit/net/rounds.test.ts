/** What a thread does when the system cannot say what is ready. */

import { constants } from "node:os";
import { expect, test, vi } from "vitest";
import type { Libc } from "../../../src/net/udp-batch/libc.ts";
import { Rounds } from "../../../src/net/udp-batch/rounds.ts";
import { EINTR, MAX_ERRNO, SendErrors } from "../../../src/net/udp-batch/send-errors.ts";
import { Sender } from "../../../src/net/udp-batch/sender.ts";

test("where waiting fails again and again it says so once, and must rest until it can", () => {
  let result = -1;
  let errno: number = constants.errno.EBADF;
  // Nothing but these is called where there is no socket.
  const libc = { epollWait: () => result, errno: () => errno, addressOf: () => 0x1000 } as unknown as Libc;
  const failed = vi.fn();
  const handlers = { begin: vi.fn(), packet: vi.fn(), icmp: vi.fn(), failed };
  const sender = new Sender(libc, new SendErrors(new Float64Array(MAX_ERRNO)));
  const rounds = new Rounds(libc, 0, sender, handlers);
  rounds.round(0);
  expect(rounds.isFruitless).toBe(false);
  for (let i = 0; i < 100; i++) rounds.round(0);
  expect(rounds.isFruitless).toBe(true);
  expect(failed).toHaveBeenCalledExactlyOnceWith(new Error("epoll_wait: EBADF"));
  result = 0;
  rounds.round(0);
  expect(rounds.isFruitless).toBe(false);
  expect(handlers.begin).toHaveBeenCalledTimes(102);
  // A signal: a profiler sends hundreds a second.
  result = -1;
  errno = EINTR;
  for (let i = 0; i < 100; i++) rounds.round(0);
  expect(rounds.isFruitless).toBe(false);
  expect(failed).toHaveBeenCalledOnce();
});
