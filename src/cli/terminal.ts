/** What a command asks of the process that it runs in; a seam for tests. */

export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>;
  print(line: string): void;
  /** On stderr, "turnpike: " before each line. */
  complain(lines: string): void;
}

export function processTerminal(): Terminal {
  // A reader that has gone (`turnpike | head`) is no reason to end.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreBrokenPipe);
  return {
    environment: process.env,
    print: (line) => void process.stdout.write(`${line}\n`),
    complain: (lines) => void process.stderr.write(lines.replaceAll(/^/gm, "turnpike: ").concat("\n")),
  };
}

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}
