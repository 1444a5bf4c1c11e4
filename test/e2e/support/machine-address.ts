import { networkInterfaces } from "node:os";

/** An IPv4 address of this machine that is not loopback: what another machine in the same network would call. */
export function machineAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const found = addresses.find((address) => address.family === "IPv4" && !address.internal);
  if (found === undefined) throw new Error("this machine has no IPv4 address but loopback");
  return found.address;
}
