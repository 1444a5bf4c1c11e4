import { run } from "./child-process.ts";
import { eventually } from "./eventually.ts";

/** Waits until some program listens on a UDP port, of this address where one is given; `prefix` looks in a network namespace. */
export async function listensOnUdp(
  port: number,
  prefix: readonly string[] = [],
  address = "",
): Promise<void> {
  await eventually(
    `a program on UDP port ${port}`,
    async () => (await run([...prefix, "ss", "-ulnH", `sport = :${port}`])).output,
    (sockets) => sockets !== "" && sockets.includes(address),
  );
}
