import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { SETTINGS } from "../../../src/config/schema.ts";
import { type Environment, loadConfig } from "../../../src/config/sources.ts";
import { formatIp } from "../../../src/stun/address.ts";
import { errorLines } from "../../support/config-errors.ts";

const folder = mkdtempSync(join(tmpdir(), "turnpike-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

const MISSING_TLS = "is missing; TLS needs a port, a certificate and a key";
const PORT = "must be a whole number from 0 to 65535";

interface Given {
  readonly flags?: Record<string, unknown>;
  readonly environment?: Environment;
  /** What `turnpike.json` holds. */
  readonly file?: unknown;
  readonly text?: string;
}

function load({ flags = {}, environment = {}, file, text = JSON.stringify(file) }: Given) {
  const configFile = text === undefined ? undefined : join(folder, "turnpike.json");
  if (configFile !== undefined && text !== undefined) writeFileSync(configFile, text);
  return loadConfig({ flags: new Map(Object.entries(flags)), environment, configFile });
}

function expectErrors(given: Given, lines: readonly string[]): void {
  expect(errorLines(() => load(given))).toEqual(lines);
  expect(load({ file: { realm: "good" } }).config.realm).toBe("good");
}

describe("flags win over environment, environment over file", () => {
  const file = { realm: "file", limits: { maxRooms: 1, maxConnections: 1 } };
  const environment = { TURNPIKE_REALM: "environment", TURNPIKE_MAX_ROOMS: "2" };

  test("one by one", () => {
    expect(load({ file }).config.realm).toBe("file");
    expect(load({ file, environment }).config.realm).toBe("environment");
    expect(load({ file, environment, flags: { realm: "flag" } }).config.realm).toBe("flag");
  });

  test("limit by limit", () => {
    const { limits } = load({ file, environment }).config;
    expect(limits).toMatchObject({ maxRooms: 2, maxConnections: 1 });
    expect(load({ file, environment, flags: { "limits.maxRooms": 3 } }).config.limits.maxRooms).toBe(3);
  });

  test("an empty variable says nothing", () => {
    expect(load({ file, environment: { TURNPIKE_REALM: "" } }).config.realm).toBe("file");
  });

  test("a list of the environment takes the place of the file's", () => {
    const given = { file: { secrets: ["file"] }, environment: { TURNPIKE_SECRET: "environment" } };
    expect(load(given).config.secrets).toEqual(["environment"]);
  });
});

describe("an error names the place where the value was written", () => {
  const file = { httpPort: "a" };
  const environment = { TURNPIKE_HTTP_PORT: "b" };

  test("the file and the key", () => {
    expectErrors({ file }, [`turnpike.json: httpPort "a": ${PORT}`]);
    expectErrors({ file: { limits: { maxRoms: 1 } } }, [
      "turnpike.json: limits.maxRoms: is no setting; did you mean limits.maxRooms?",
    ]);
  });

  test("the variable", () => {
    expectErrors({ file, environment }, [`TURNPIKE_HTTP_PORT "b": ${PORT}`]);
  });

  test("the flag", () => {
    expectErrors({ file, environment, flags: { httpPort: "c" } }, [`--http-port "c": ${PORT}`]);
  });

  test("what is missing is asked for where the configuration is written", () => {
    expectErrors({ flags: { tlsPort: 443 } }, [`--tls-cert: ${MISSING_TLS}`, `--tls-key: ${MISSING_TLS}`]);
    expectErrors({ file: { tlsPort: 443, tlsCert: "a" } }, [`turnpike.json: tlsKey: ${MISSING_TLS}`]);
  });

  test("all sources at once", () => {
    expectErrors(
      {
        flags: { realm: "" },
        environment: { TURNPIKE_LAN: "perhaps" },
        file: { colour: "red", roomSize: 1 },
      },
      [
        '--realm "": must be text of 1 to 60 bytes',
        'TURNPIKE_LAN "perhaps": must be true or false',
        "turnpike.json: roomSize 1: must be a whole number from 2 to 1000",
        "turnpike.json: colour: is no setting",
      ],
    );
  });
});

describe("the environment", () => {
  test("separates lists by commas", () => {
    const { hosts } = load({ environment: { TURNPIKE_HOST: "127.0.0.1, ::1," } }).config;
    expect(hosts.map(formatIp)).toEqual(["127.0.0.1", "::1"]);
  });

  test("separates secrets and users by line breaks, so that they may hold commas", () => {
    const environment = { TURNPIKE_SECRET: "new,er\r\nold\n", TURNPIKE_USER: "alice:a,b\nbob:c" };
    const { secrets, users } = load({ environment }).config;
    expect(secrets).toEqual(["new,er", "old"]);
    expect(users.map(({ password }) => password)).toEqual(["a,b", "c"]);
  });

  test.each([
    ["true", true],
    ["1", true],
    ["Yes", true],
    ["on", true],
    ["false", false],
    ["0", false],
    ["NO", false],
    ["off", false],
  ])("says %s for a switch", (word, value) => {
    expect(load({ environment: { TURNPIKE_CREATE_ON_JOIN: word } }).config.createOnJoin).toBe(value);
  });

  test.each(["0x10", "1e3", " 80", "80 ", "constructor"])("%j is no number", (text) => {
    expectErrors({ environment: { TURNPIKE_HTTP_PORT: text } }, [
      `TURNPIKE_HTTP_PORT ${JSON.stringify(text)}: ${PORT}`,
    ]);
  });

  test("tells of variables that look like settings, and of no others", () => {
    const environment = { TURNPIKE_SECRTE: "a", TURNPIKE_SERVICE_ACCOUNT_X: "b", TURNPIKE_SECRET: "c" };
    expect(load({ environment }).unknownVariables).toEqual(["TURNPIKE_SECRTE"]);
  });

  test("names the file", () => {
    const file = join(folder, "named.json");
    writeFileSync(file, '{"realm":"named"}');
    const sources = { flags: new Map(), configFile: undefined };
    const realmWith = (name: string) =>
      loadConfig({ ...sources, environment: { TURNPIKE_CONFIG: name } }).config.realm;
    expect(realmWith(file)).toBe("named");
    expect(realmWith("")).toBe("turnpike");
  });
});

describe("the file", () => {
  test("may begin with a byte order mark", () => {
    expect(load({ text: '\uFEFF{"realm":"a"}' }).config.realm).toBe("a");
  });

  test("has TLS paths relative to itself; those of flags are as they are", () => {
    const file = { tlsPort: 443, tlsCert: "cert.pem", tlsKey: "/etc/key.pem" };
    expect(load({ file }).config.tls).toMatchObject({
      certFile: join(folder, "cert.pem"),
      keyFile: "/etc/key.pem",
    });
    expect(load({ file, flags: { tlsCert: "cert.pem" } }).config.tls?.certFile).toBe("cert.pem");
  });

  test("may not be there, or be a folder", () => {
    const absent = join(folder, "absent.json");
    const directory = join(folder, "directory");
    mkdirSync(directory);
    const open = (configFile: string) => loadConfig({ flags: new Map(), environment: {}, configFile });
    expect(errorLines(() => open(absent))).toEqual([`${absent}: cannot be read (ENOENT)`]);
    expect(errorLines(() => open(directory))).toEqual([`${directory}: cannot be read (EISDIR)`]);
    expect(errorLines(() => open(""))).toEqual(["--config: cannot be read (ENOENT)"]);
  });

  test.each(["[]", "null", "5"])("%s is no object", (text) => {
    expectErrors({ text }, [`${join(folder, "turnpike.json")}: must hold a JSON object`]);
  });

  test("tells where its JSON breaks off", () => {
    const lines = errorLines(() => load({ text: '{\n  "realm": "a",\n  "httpPort": }' }));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/turnpike\.json: is no JSON( \(line 3, column 15\))?$/);
  });

  test("does not reach a prototype by __proto__", () => {
    expectErrors({ text: '{"__proto__": {"realm": "a"}, "limits": {"__proto__": 1}}' }, [
      "turnpike.json: limits.__proto__: is no setting",
      "turnpike.json: __proto__: is no setting",
    ]);
  });

  test("is told of together with what is wrong elsewhere", () => {
    expectErrors({ text: "[]", flags: { roomSize: 1 } }, [
      `${join(folder, "turnpike.json")}: must hold a JSON object`,
      "--room-size 1: must be a whole number from 2 to 1000",
    ]);
  });
});

describe("a secret's value is in no error", () => {
  const VALUE = "s3cret-Value";
  const secrets = SETTINGS.filter(({ secret }) => secret);
  const WRONG = [
    VALUE,
    [VALUE, 5],
    [{ name: VALUE }],
    [{ [VALUE]: 1 }],
    { a: VALUE },
    [[VALUE]],
    [`:${VALUE}`],
  ];
  const cases = secrets.flatMap((setting) => WRONG.map((value) => [setting.key, value] as const));

  function expectHidden(given: Given): void {
    const lines = errorLines(() => load({ ...given, flags: { roomSize: 1, ...given.flags } }));
    expect(lines.join("\n")).toContain("must be a whole number from 2 to 1000");
    expect(lines.join("\n")).not.toContain(VALUE);
  }

  test.each(cases)("%s in a file: %j", (key, value) => {
    expectHidden({ file: { [key]: value } });
  });

  test.each(cases)("%s by flag: %j", (key, value) => {
    expectHidden({ flags: { [key]: value } });
  });

  test.each(secrets)("$variable", ({ variable }) => {
    expectHidden({ environment: { [variable]: `${VALUE}\n:${VALUE}\n ` } });
  });

  test.each([
    `{"secrets": ["${VALUE}" "b"]}`,
    `{"secrets": ["${VALUE}]}`,
    `{"secrets": [${VALUE}]}`,
    VALUE,
    `{"a": 1}\n${VALUE}`,
  ])("JSON that is none: %s", (text) => {
    const lines = errorLines(() => load({ text }));
    expect(lines.join("\n")).toMatch(/is no JSON/);
    expect(lines.join("\n")).not.toContain(VALUE);
  });
});
