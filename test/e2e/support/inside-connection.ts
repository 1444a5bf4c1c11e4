/** A connection to a port of a machine of the lab, from this process, which stands outside. */

import { spawn } from "node:child_process";
import { Duplex } from "node:stream";

/** Its bytes pass through the standard input and output of a program on that machine: no network leads in. */
export function connectInside(prefix: readonly string[], port: number): Duplex {
  const script = `const socket = require("net").connect(${port}, "127.0.0.1");
    process.stdin.pipe(socket).pipe(process.stdout);
    socket.on("error", () => {}); // A browser that is ended resets it; "close" follows.
    socket.on("close", () => process.exit());`;
  const [command = "", ...words] = [...prefix, process.execPath, "-e", script];
  const child = spawn(command, words, { stdio: ["pipe", "pipe", "inherit"] });
  return Duplex.from({ readable: child.stdout, writable: child.stdin });
}
