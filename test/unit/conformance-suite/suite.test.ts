import assert from "node:assert/strict";
import { describe, expect, test } from "vitest";
import { parseIp, withPort } from "../../../src/stun/address.ts";
import { openMemoryTarget } from "../../conformance/memory-target.ts";
import { RULES } from "../../conformance/rules.ts";
import { ALICE, type Rule, type Target } from "../../conformance/target.ts";
import { COTURN_DIFFERENCES } from "../../conformance-suite/coturn-differences.ts";
import { findingOf } from "../../conformance-suite/finding.ts";
import { NotApplicableError } from "../../conformance-suite/not-applicable.ts";
import type { SuiteOptions } from "../../conformance-suite/options.ts";
import { cellOf, pageOf, problemsOf, type Run } from "../../conformance-suite/page.ts";
import { WAYS } from "../../conformance-suite/page-servers.ts";
import { findPlaces, PeerAddressError } from "../../conformance-suite/places.ts";
import { RemoteServer } from "../../conformance-suite/remote-target.ts";
import { reportJson, reportTable } from "../../conformance-suite/report.ts";
import { type Result, runSuite, type Subject, type Verdict } from "../../conformance-suite/run-suite.ts";
import { NoAnswerError } from "../../support/no-answer.ts";

function address(text: string) {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`not an address: ${text}`);
  return withPort(ip, 3478);
}

function optionsFor(servers: readonly string[], change: Partial<SuiteOptions> = {}): SuiteOptions {
  const base = {
    transport: "udp" as const,
    tls: {},
    users: [ALICE],
    staticUsers: 1,
    peers: [],
    isMine: false,
  };
  return { ...base, servers: servers.map(address), ...change };
}

const OPTIONS = optionsFor(["127.0.0.1"]);

function ruleThat(id: string, run: (target: Target) => Promise<void> = async () => undefined): Rule {
  return { id, title: `claim of ${id}`, rfc: "RFC 8656 section 1", run };
}

function subject(change: Partial<Subject> = {}): Subject {
  return {
    hindranceTo: () => undefined,
    open: () => openMemoryTarget().target,
    isServing: async () => true,
    ...change,
  };
}

/** Every rule with this verdict, or with another one by its id. */
function resultsWith(verdict: Verdict, others: ReadonlyMap<string, Verdict> = new Map()): readonly Result[] {
  return RULES.map((rule) => ({ rule, verdict: others.get(rule.id) ?? verdict, finding: "found" }));
}

describe("a run of the suite", () => {
  test("tells pass, fail and not applicable apart, in the order of the rules", async () => {
    const rules = [
      ruleThat("kept"),
      ruleThat("broken", async () => assert.equal(400, 437, "Refresh")),
      ruleThat("of-two", async () => {
        throw new NotApplicableError("needs a second user");
      }),
      ruleThat("hindered"),
    ];
    const hindranceTo = ({ id }: Rule) => (id === "hindered" ? "needs a clock" : undefined);
    const results = await runSuite(subject({ hindranceTo }), rules);
    expect(results.map(({ rule, verdict, finding }) => [rule.id, verdict, finding])).toEqual([
      ["kept", "pass", ""],
      ["broken", "fail", "Refresh: 400 instead of 437"],
      ["of-two", "n/a", "needs a second user"],
      ["hindered", "n/a", "needs a clock"],
    ]);
  });

  test("calls broken what is broken twice in a row", async () => {
    let runs = 0;
    const lossy = ruleThat("lossy", async () => {
      runs++;
      if (runs === 1) throw new NoAnswerError("no answer");
    });
    expect(await runSuite(subject(), [lossy])).toMatchObject([{ verdict: "pass" }]);
  });

  test("ends when the server has gone", async () => {
    const results = await runSuite(subject({ isServing: async () => false }), [ruleThat("a"), ruleThat("b")]);
    const gone = { verdict: "fail", finding: "not looked at: the server does not answer" };
    expect(results).toMatchObject([gone, gone]);
  });

  test("prints the addresses, every rule, and the sum", async () => {
    const places = await findPlaces(OPTIONS);
    const results: readonly Result[] = [
      { rule: ruleThat("kept"), verdict: "pass", finding: "" },
      { rule: ruleThat("broken"), verdict: "fail", finding: "400 instead of 437" },
    ];
    const table = reportTable(OPTIONS, places, results);
    expect(table).toContain("server  127.0.0.1:3478 over UDP\npeers   127.0.0.2 127.0.0.4");
    expect(table).toMatch(/^pass {2}kept .* claim of kept$/m);
    expect(table).toMatch(/^fail {2}broken .* claim of broken -> 400 instead of 437$/m);
    expect(table).toMatch(/1 passed, 1 failed, 0 not applicable$/);
    expect(table).not.toContain(ALICE.password);
    expect(reportJson(OPTIONS, places, results).results[1]).toMatchObject({ id: "broken", verdict: "fail" });
  });
});

describe("which rules say something about a server", () => {
  const hindrancesTo = async (options: SuiteOptions) => {
    const server = new RemoteServer(options, await findPlaces(options), 100);
    return new Map(RULES.map((rule) => [rule.id, server.hindranceTo(rule)]));
  };

  test("none with settings, controls or a clock", async () => {
    const hindrances = await hindrancesTo(OPTIONS);
    const inner = RULES.filter(
      ({ settings, needs = [] }) =>
        settings !== undefined || needs.includes("inside") || needs.includes("clock"),
    );
    for (const { id } of inner) expect(hindrances.get(id), id).toMatch(/^needs /);
    expect(hindrances.get("allocate")).toBeUndefined();
  });

  test("a server on loopback is not asked to keep clients from loopback", async () => {
    const hindrances = await hindrancesTo(OPTIONS);
    expect(hindrances.get("denied-ipv4")).toContain("loopback");
    expect(hindrances.get("own-listener")).toContain("another address than the listener's");
  });

  test("IPv6 rules need an IPv6 address, and those of USERHASH a static user", async () => {
    expect((await hindrancesTo(OPTIONS)).get("family-ipv6")).toContain("IPv6");
    const hindrances = await hindrancesTo(optionsFor(["127.0.0.1", "::1"], { staticUsers: 0 }));
    expect([hindrances.get("family-ipv6"), hindrances.get("userhash")]).toEqual([
      undefined,
      "needs a static user (--user)",
    ]);
  });

  test("rules about datagrams are for UDP, those about streams for TCP and TLS", async () => {
    const hindrancesOver = async (transport: SuiteOptions["transport"]) => {
      const hindrances = await hindrancesTo(optionsFor(["127.0.0.1"], { transport }));
      return ["channel-data-not-padded", "reflection-ipv4", "stream-split-frames", "allocate"].map((id) =>
        hindrances.get(id),
      );
    };
    const [datagrams, streams] = ["is about datagrams: needs UDP", "is about streams: needs TCP or TLS"];
    expect(await hindrancesOver("udp")).toEqual([undefined, undefined, streams, undefined]);
    for (const transport of ["tcp", "tls"] as const)
      expect(await hindrancesOver(transport)).toEqual([datagrams, datagrams, undefined, undefined]);
  });

  test("a peer's address must be this machine's", async () => {
    const elsewhere = optionsFor(["127.0.0.1"], { peers: [address("192.0.2.1")] });
    await expect(findPlaces(elsewhere)).rejects.toThrow(PeerAddressError);
  });

  test("peers send nothing to a relayed address that is somebody else's", async () => {
    const target = new RemoteServer(OPTIONS, await findPlaces(OPTIONS), 100).open();
    const peer = await target.peer();
    expect(() => peer.send(address("192.0.2.1"), Buffer.from("stray"))).toThrow(NotApplicableError);
    await target.close();
  });
});

describe("a finding is a few words", () => {
  const errorOf = (check: () => void): Promise<unknown> =>
    Promise.resolve()
      .then(check)
      .catch((error: unknown) => error);

  test.each([
    ["400 instead of 437", () => assert.equal(400, 437)],
    ["Refresh: 400 instead of 437", () => assert.equal(400, 437, "Refresh")],
    ["false instead of true", () => assert.deepEqual(["success", false], ["success", true])],
    ['strays: ["2 bytes"] instead of []', () => assert.deepEqual([Buffer.alloc(2)], [], "strays")],
    ["not so: an even port", () => assert.ok(false, "an even port")],
  ])("%s", async (finding, check) => {
    expect(findingOf(await errorOf(check))).toBe(finding);
  });

  test("of one line, and not a long one", () => {
    expect(findingOf(new NoAnswerError("no\nanswer"))).toBe("no answer");
    expect(findingOf(new Error("x".repeat(1000))).length).toBeLessThan(120);
  });
});

describe("the page", () => {
  const asStated = new Map([...COTURN_DIFFERENCES.keys()].map((id) => [id, "fail"] as const));
  const runsWith = (verdict: Verdict, others?: ReadonlyMap<string, Verdict>): readonly Run[] =>
    WAYS.map((way) => ({ ...way, results: resultsWith(verdict, others) }));
  const measurement = {
    turnpike: { name: "Turnpike", runs: runsWith("pass") },
    coturn: { name: "coturn 1.2.3", runs: runsWith("pass", asStated) },
    nodeTurn: {
      name: "node-turn 0.0.6",
      runs: runsWith("pass", new Map([["userhash", "fail"]])).slice(0, 2),
    },
  };

  test("is written when every difference is explained: a column for each server and transport", () => {
    expect(problemsOf(measurement)).toEqual([]);
    const page = pageOf(measurement);
    expect(page).toContain(
      "| Turnpike UDP | Turnpike TCP | Turnpike TLS | coturn 1.2.3 UDP | coturn 1.2.3 TCP | coturn 1.2.3 TLS | node-turn 0.0.6 UDP |",
    );
    for (const { does, sentence } of COTURN_DIFFERENCES.values()) {
      expect(page).toContain(does);
      expect(page).toContain(sentence);
    }
  });

  test("names the families where they differ", () => {
    const [overIpv4, ...others] = runsWith("pass", asStated);
    const coturn = {
      name: "coturn",
      runs: [{ ...WAYS[0], results: resultsWith("fail") } as Run, ...others],
    };
    expect(overIpv4).toMatchObject({ transport: "udp", family: 4 });
    expect(cellOf(coturn, "udp", "allocate")).toBe("IPv4 fail, IPv6 pass");
    expect(cellOf(coturn, "tcp", "allocate")).toBe("pass");
    expect(problemsOf({ ...measurement, coturn })).toContain(
      "coturn over UDP on IPv4 fails allocate, unexplained: found",
    );
  });

  test("is not written, when a difference has no explanation, or an explanation no difference", () => {
    const others = new Map([...asStated, ["allocate", "fail"] as const, ["wrong-realm", "n/a"] as const]);
    others.delete("refresh-zero");
    const coturn = { ...measurement.coturn, runs: runsWith("pass", others) };
    const problems = problemsOf({ ...measurement, coturn });
    expect(problems.filter((problem) => problem.includes("on IPv4"))).toEqual([
      "coturn 1.2.3 over UDP on IPv4 fails allocate, unexplained: found",
      "coturn 1.2.3 over TCP on IPv4 fails allocate, unexplained: found",
      "coturn 1.2.3 over TLS on IPv4 fails allocate, unexplained: found",
      "coturn 1.2.3 over UDP on IPv4 passes refresh-zero, which is explained as a difference",
      "coturn 1.2.3 over TCP on IPv4 passes refresh-zero, which is explained as a difference",
      "coturn 1.2.3 over TLS on IPv4 passes refresh-zero, which is explained as a difference",
    ]);
    expect(problems).toContain("coturn 1.2.3 never fails wrong-realm, which is explained as a difference");
    const turnpike = { ...measurement.turnpike, runs: runsWith("fail") };
    expect(problemsOf({ ...measurement, turnpike })).toHaveLength(RULES.length * WAYS.length);
  });
});
