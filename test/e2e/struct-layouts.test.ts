/** What the batched UDP engine lays out itself, as the compilers for glibc on x64 and arm64, and for musl, have it. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { MMSGHDR } from "../../src/net/udp-batch/layout.ts";
import { run } from "./support/child-process.ts";
import { layoutProgram } from "./support/layout-program.ts";
import { isMissing } from "./support/requirements.ts";
import { makeTempDir } from "./support/temp-dir.ts";

/** musl brings no headers of the kernel: they are the same for every libc. */
const KERNEL_HEADERS = ["-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu"];

const COMPILERS = [
  { compiler: "gcc", processor: "x64", flags: [] },
  { compiler: "aarch64-linux-gnu-gcc", processor: "arm64", flags: [] },
  { compiler: "musl-gcc", processor: "x64", flags: KERNEL_HEADERS },
] as const;

describe("layouts and numbers", () => {
  const folder = makeTempDir("layouts");
  afterAll(() => folder.remove());

  async function compile(compiler: string, flags: readonly string[], program: string) {
    const file = join(folder.path, `${compiler}.c`);
    writeFileSync(file, program);
    return await run([compiler, "-std=gnu11", "-fsyntax-only", ...flags, file]);
  }

  for (const { compiler, processor, flags } of COMPILERS) {
    test.skipIf(isMissing(compiler))(`are what ${compiler} has for ${processor}`, async () => {
      expect(await compile(compiler, flags, layoutProgram(processor))).toEqual({ code: 0, output: "" });
    });

    test.skipIf(isMissing(compiler))(`${compiler} finds one that is wrong`, async () => {
      const wrong = layoutProgram(processor).replace(
        `msg_len) == ${MMSGHDR.length},`,
        `msg_len) == ${MMSGHDR.length + 1},`,
      );
      const { code, output } = await compile(compiler, flags, wrong);
      expect(code).toBe(1);
      expect(output.match(/static assertion failed/g)).toHaveLength(1);
    });
  }
});
