import { afterEach, expect, test, vi } from "vitest";
import { processTerminal } from "../../../src/cli/terminal.ts";

afterEach(() => vi.restoreAllMocks());

/** What is written to the stream while nothing of it reaches the real one. */
function spyOn(stream: NodeJS.WriteStream): string[] {
  const written: string[] = [];
  vi.spyOn(stream, "write").mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  return written;
}

test("answers go to stdout, complaints to stderr, each line with the program's name", () => {
  const [out, err] = [spyOn(process.stdout), spyOn(process.stderr)];
  const terminal = processTerminal();
  terminal.print("a\nb");
  terminal.complain("--one: wrong\n--two: wrong");
  expect(out).toEqual(["a\nb\n"]);
  expect(err).toEqual(["turnpike: --one: wrong\nturnpike: --two: wrong\n"]);
});

test("a reader that has gone is no error; every other failure is", () => {
  processTerminal();
  const [listener] = process.stdout.listeners("error").slice(-1);
  const fail = (code: string) => listener?.(Object.assign(new Error(code), { code }));
  expect(() => fail("EPIPE")).not.toThrow();
  expect(() => fail("ENOSPC")).toThrow("ENOSPC");
});
