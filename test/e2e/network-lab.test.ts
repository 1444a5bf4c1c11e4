/** The lab leaves nothing behind, and its machines know the names that they are told. */

import { existsSync, readdirSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { run, TestProcess } from "./support/child-process.ts";
import { eventually } from "./support/eventually.ts";
import { NetworkLab } from "./support/network-lab.ts";
import { isMissing } from "./support/requirements.ts";

/** Longer than any test. */
const SECONDS = "600";

describe.skipIf(isMissing("namespaces"))("the network lab", () => {
  const labs: NetworkLab[] = [];

  afterEach(() => {
    for (const lab of labs.splice(0)) lab.remove();
  });

  function makeLab(): NetworkLab {
    const lab = new NetworkLab();
    labs.push(lab);
    return lab;
  }

  const namespacesOf = (labId: string) =>
    ["/run/netns", "/etc/netns"].flatMap((folder) =>
      existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(`${labId}-`)) : [],
    );

  test("a machine knows the name that it was told, and at once that there is no other", async () => {
    const lab = makeLab();
    const earlier = lab.addHome("earlier", "symmetric");
    lab.nameHost("call.turnpike.test", "93.184.216.200");
    const later = lab.addHost("later");
    for (const { prefix } of [earlier, later]) {
      const lookUp = (name: string) => run([...prefix, "getent", "ahostsv4", name], { withinMs: 2000 });
      for (const name of ["call.turnpike.test", "call.turnpike.test."]) {
        expect((await lookUp(name)).output).toMatch(/^93\.184\.216\.200 /);
      }
      expect(await lookUp("other.turnpike.test")).toEqual({ code: 2, output: "" });
    }
  });

  test("the addresses of a machine are in use from the start: none comes later", async () => {
    const lab = makeLab();
    const machines = [lab.addHost("host"), lab.addHome("home", "symmetric"), lab.addNattedServer("server")];
    for (const { prefix } of machines) {
      expect(await run([...prefix, "ip", "address", "show", "tentative"])).toEqual({ code: 0, output: "" });
      const { output } = await run([...prefix, "ip", "-6", "address", "show", "scope", "link"]);
      expect(output).toContain("inet6 fe80::");
    }
  });

  test("removed, it takes its namespaces, their files and what runs there along", async () => {
    const lab = makeLab();
    const { prefix } = lab.addHost("host");
    const program = TestProcess.start([...prefix, "sleep", SECONDS]);
    expect(namespacesOf(lab.id)).not.toEqual([]);
    lab.remove();
    expect(await program.exited).toEqual({ code: undefined, signal: "SIGKILL" });
    expect(namespacesOf(lab.id)).toEqual([]);
  });

  test("killed with its test, it does the same", async () => {
    const script = `import { runTypeScript } from "./scripts/run-typescript.mjs";
      await runTypeScript("/test/e2e/support/lab-of-its-own.ts", ["${SECONDS}"]);`;
    const owner = TestProcess.start([process.execPath, "--input-type=module", "-e", script]);
    const [line] = await owner.printed(/\{.*\}/);
    const { labId, pid } = JSON.parse(line) as { labId: string; pid: number };
    expect(namespacesOf(labId)).not.toEqual([]);
    process.kill(owner.pid, "SIGKILL");
    await eventually(
      "nothing being left of the lab",
      () => [...namespacesOf(labId), ...(existsSync(`/proc/${pid}`) ? [pid] : [])],
      (left) => left.length === 0,
    );
  });
});
