import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { main } from "../../../src/cli/main.ts";
import { SETTINGS } from "../../../src/config/schema.ts";
import { createFakeTerminal } from "../../support/fake-terminal.ts";

async function run(args: readonly string[], environment: Record<string, string> = {}) {
  const terminal = createFakeTerminal(environment);
  const exitCode = await main(args, terminal);
  return { exitCode, printed: terminal.printed, complaints: terminal.complaints };
}

/** `check-config` reads the command line as `serve` does, and opens no port. */
async function expectComplaints(args: readonly string[], complaints: readonly string[]): Promise<void> {
  expect(await run(["check-config", ...args])).toEqual({ exitCode: 1, printed: [], complaints });
  expect(await run(["check-config"])).toMatchObject({ exitCode: 0, complaints: [] });
}

describe("--help", () => {
  test.each([[["--help"]], [["serve", "--help"]], [["check-config", "-h"]], [["credentials", "--help"]]])(
    "%j holds every flag, and is no error",
    async (args) => {
      const { exitCode, printed, complaints } = await run(args);
      expect(exitCode).toBe(0);
      expect(complaints).toEqual([]);
      const text = printed.join("\n");
      const flags = SETTINGS.map(({ flag, default: value }) =>
        value === true ? flag.replace("--", "--no-") : flag,
      );
      expect(flags.filter((flag) => !new RegExp(`${flag}[ ,\\n]`).test(text))).toEqual([]);
    },
  );

  test("names the commands", async () => {
    const text = (await run(["--help"])).printed.join("\n");
    for (const command of ["serve", "credentials", "check-config"]) expect(text).toContain(command);
    expect((await run(["credentials", "--help"])).printed.join("\n")).toContain("--name <user>");
  });
});

test.each(["--version", "-V"])("%s prints the package's version", async (flag) => {
  const manifest = new URL("../../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  expect(await run([flag])).toEqual({ exitCode: 0, printed: [version], complaints: [] });
});

describe("a wrong command line ends with 1", () => {
  test("and tells everything in one go", async () => {
    const args = [
      "--http-prt",
      "80",
      "--room-size",
      "x",
      "--lan=1",
      "--host",
      "a",
      "--ttl",
      "--tls-port",
      "1",
    ];
    await expectComplaints(args, [
      "--ttl: needs a value",
      "--http-prt: is no flag; did you mean --http-port?",
      "--lan: takes no value",
      '--host "a": must be an IPv4 or IPv6 address',
      '--room-size "x": must be a whole number from 2 to 1000',
      "--tls-cert: is missing; TLS needs a port, a certificate and a key",
      "--tls-key: is missing; TLS needs a port, a certificate and a key",
    ]);
  });

  test.each<[string[], string]>([
    [["crednetials"], '"crednetials": is no command, and no flag takes it'],
    [["--dev", "on"], '"on": is no command, and no flag takes it'],
    [["--realm", "a", "b"], '"b": is no command, and no flag takes it'],
    [["--", "a"], '"a": is no command, and no flag takes it'],
    [["--colour", "red", "blue"], "--colour: is no flag"],
    [["-x"], "-x: is no flag"],
    [["--config"], "--config: needs a value"],
    [["--config="], "--config: cannot be read (ENOENT)"],
    [
      ["--relay-ports", "9-1"],
      '--relay-ports "9-1": must be a range of ports like 49152-65535, from 1 to 65535',
    ],
    [
      ["--allow-relay-to", "10/8"],
      '--allow-relay-to "10/8": must be a network like 10.0.0.0/8 or fd00::/8, or one address',
    ],
    [["--http-port", "1", "--http-port", "2"], "--http-port: is given more than once"],
    [["--http-port=1", "--http-port=1", "--http-port=1"], "--http-port: is given more than once"],
    [["--admin-port", "8080"], "--admin-port: is the same port as httpPort"],
  ])("%j", async (args, line) => {
    await expectComplaints(args, [line]);
  });

  test("of serve too, before anything listens", async () => {
    expect(await run(["--http-port", "x"])).toEqual({
      exitCode: 1,
      printed: [],
      complaints: ['--http-port "x": must be a whole number from 0 to 65535'],
    });
  });
});

describe("a word that may be a secret is not quoted", () => {
  const VALUE = "s3cret-Value";
  const forms = SETTINGS.filter(({ secret }) => secret).flatMap(({ flag }) => [
    [`${flag}s`, VALUE],
    [`${flag}s`, VALUE, VALUE],
    [`${flag}s=${VALUE}`],
    [`${flag}=a:b`, VALUE],
    [flag, `-${VALUE}`],
    [flag, `--${VALUE}`],
    [flag, "a:b", `-${VALUE}`],
    [flag, "a:b", `--${VALUE}=`, VALUE],
    [flag, "a:b", "--", VALUE],
    [flag, "a:b", "--lan", `${flag}=c:d`, VALUE],
    [flag, `:${VALUE}`, " "],
  ]);

  test.each(forms.map((args) => [args]))("%j", async (args) => {
    const { exitCode, printed, complaints } = await run(["check-config", ...args]);
    expect([...printed, ...complaints].join("\n")).not.toContain(VALUE);
    expect(exitCode).toBe(1);
    expect(complaints.length).toBeGreaterThan(0);
  });

  test.each([["--secret"], ["--user"]])(
    "behind %s its place is told, beside whatever else is wrong",
    async (flag) => {
      const unclear = (place: number) =>
        `${flag}: word ${place} behind it is no flag; if it is a value, write ${flag}=VALUE for each`;
      const ttl = "--ttl 0: must be a whole number from 60 to 604800";
      await expectComplaints(["--ttl", "0", flag, "a:b", "--foo"], [unclear(2), ttl]);
      await expectComplaints([flag, "a:b", "--foo", "--ttl", "0"], [unclear(2), ttl]);
      await expectComplaints([flag, "a:b", "c:d", "--foo", "--bar"], [unclear(3), unclear(4)]);
    },
  );

  test("and may be written behind an equals sign whatever it begins with", async () => {
    expect(await run(["check-config", `--secret=-${VALUE}`, `--secret=--${VALUE}`])).toMatchObject({
      exitCode: 0,
      complaints: [],
    });
  });
});

describe("flags and environment together", () => {
  test("lists are written in any way", async () => {
    const args = ["check-config", "--host", "127.0.0.1,127.0.0.2", "::1", "--host", "::2", "--host=::3"];
    expect(await run(args)).toMatchObject({ exitCode: 0, complaints: [] });
    await expectComplaints(
      ["--host", "127.0.0.1", "--host=127.0.0.1"],
      ["--host: must not name an address twice"],
    );
  });

  test("--no- undoes what the environment says", async () => {
    const environment = { TURNPIKE_CREATE_ON_JOIN: "perhaps" };
    expect(await run(["check-config"], environment)).toMatchObject({ exitCode: 1 });
    expect(await run(["check-config", "--no-create-on-join"], environment)).toMatchObject({ exitCode: 0 });
  });

  test("a variable that looks like a setting is told of, and no error", async () => {
    expect(await run(["check-config"], { TURNPIKE_SECRTE: "hidden" })).toMatchObject({
      exitCode: 0,
      complaints: ["TURNPIKE_SECRTE is no setting, and is ignored"],
    });
  });
});
