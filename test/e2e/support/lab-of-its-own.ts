/** A process that makes a lab, starts a program in it, says where, and then does nothing until it is killed. */

import { setTimeout as delay } from "node:timers/promises";
import { TestProcess } from "./child-process.ts";
import { NetworkLab } from "./network-lab.ts";

export async function main([seconds = ""]: readonly string[]): Promise<void> {
  const lab = new NetworkLab();
  const { prefix } = lab.addHost("host");
  const { pid } = TestProcess.start([...prefix, "sleep", seconds]);
  process.stdout.write(`${JSON.stringify({ labId: lab.id, pid })}\n`);
  await delay(Number(seconds) * 1000);
}
