import { type LibcResult, loadLibc } from "../../src/net/udp-batch/libc.ts";
import { BatchWire } from "./batch-wire.ts";
import { DgramWire } from "./dgram-wire.ts";
import type { Wire } from "./wire.ts";

/** "auto": the batched engine, or `dgram` where it cannot be had; the wire's name says why. */
export async function openWire(
  engine: "auto" | "dgram",
  load: () => Promise<LibcResult> = loadLibc,
): Promise<Wire> {
  if (engine === "dgram") return new DgramWire("asked for");
  const result = await load();
  return result.ok ? new BatchWire(result.libc) : new DgramWire(result.reason);
}
