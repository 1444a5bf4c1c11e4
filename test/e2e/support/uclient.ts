/** `turnutils_uclient` of Debian's coturn: a TURN client that counts what it sends, receives and loses. */

import { run } from "./child-process.ts";

export interface UclientReport {
  readonly sent: number;
  readonly received: number;
  /** Undefined when it did not come so far as to count. */
  readonly lost: number | undefined;
  readonly code: number | undefined;
  readonly output: string;
}

/** Its exit code says nothing about loss: the report does. `prefix` runs it in a network namespace. */
export async function runUclient(
  args: readonly string[],
  prefix: readonly string[] = [],
): Promise<UclientReport> {
  const { code, output } = await run([...prefix, "turnutils_uclient", ...args], { withinMs: 60_000 });
  const totals = [...output.matchAll(/tot_send_msgs=(\d+), tot_recv_msgs=(\d+)/g)].at(-1);
  const lost = output.match(/Total lost packets (\d+)/)?.[1];
  return {
    sent: Number(totals?.[1] ?? 0),
    received: Number(totals?.[2] ?? 0),
    lost: lost === undefined ? undefined : Number(lost),
    code,
    output,
  };
}
