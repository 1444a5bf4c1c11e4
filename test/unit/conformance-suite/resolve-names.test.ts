import { expect, test } from "vitest";
import { resolveNames } from "../../../test/conformance-suite/resolve-names.ts";

const ADDRESSES = new Map([
  ["turn.example", "203.0.113.7"],
  ["six.example", "2001:db8::7"],
]);

async function find(name: string): Promise<string> {
  const address = ADDRESSES.get(name);
  if (address === undefined) throw Object.assign(new Error("unknown"), { code: "ENOTFOUND" });
  return address;
}

test.each([
  [
    ["turn:turn.example:3478", "--json"],
    ["turn:203.0.113.7:3478", "--json"],
  ],
  [["turn:turn.example"], ["turn:203.0.113.7"]],
  [["turn:six.example:3478?transport=tcp"], ["turn:[2001:db8::7]:3478?transport=tcp"]],
  [["turns:turn.example"], ["turns:203.0.113.7", "--servername", "turn.example"]],
  [
    ["turns:turn.example", "--servername", "other.example"],
    ["turns:203.0.113.7", "--servername", "other.example"],
  ],
  [
    ["turns:turn.example", "--insecure"],
    ["turns:203.0.113.7", "--insecure"],
  ],
])("%j", async (args, resolved) => {
  expect(await resolveNames(args, find)).toEqual({ args: resolved });
});

test.each(["turn:127.0.0.1:3478", "turn:[::1]:3478", "turn:", "turn://a", "--user", "ann:turn", "http:a"])(
  "%s is left as it is",
  async (arg) => {
    expect(await resolveNames([arg], find)).toEqual({ args: [arg] });
  },
);

test("the value of an option is no server", async () => {
  const args = ["--user", "turn:password", "--secret", "turns:turn.example"];
  expect(await resolveNames(args, find)).toEqual({ args });
});

test("a name that is nobody's: one line, and one that is somebody's is taken after it", async () => {
  expect(await resolveNames(["turn:gone.example:3478"], find)).toEqual({
    error: "turn:gone.example:3478: no address for this name (ENOTFOUND)",
  });
  expect(await resolveNames(["turn:turn.example"], find)).toEqual({ args: ["turn:203.0.113.7"] });
});
