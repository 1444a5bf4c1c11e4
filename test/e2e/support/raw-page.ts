/** One person on the page of an application without our SDK: `raw-call.js`, put into a page of the server. */

import { readFileSync } from "node:fs";
import type { Tab } from "./browser.ts";
import type { ConnectionFacts } from "./call-page.ts";
import { eventually } from "./eventually.ts";

const SCRIPT = readFileSync(new URL("./raw-call.js", import.meta.url), "utf8");

export interface RawCallOptions {
  readonly room: string;
  readonly relayOnly: boolean;
  /** Candidates as they come. Otherwise: one description each way, with all of them. */
  readonly trickle: boolean;
  /** For one description: some server never answers, and the first relay is all that is waited for. */
  readonly hasSilentServers?: boolean;
  /** Of the join reply's. "stun": this side never has an allocation here. */
  readonly servers: "all" | "stun";
  /** Descriptions and candidates go encrypted, as the application's own messages. */
  readonly secret?: string;
}

/** What the page has seen of its call. */
export interface RawCallFacts {
  readonly problems: readonly string[];
  readonly notices: readonly { readonly code: string; readonly address?: string; readonly reason?: string }[];
  /** Those that it gathered, as they are signalled. */
  readonly candidates: readonly string[];
  readonly heard: readonly string[];
  readonly isSeated: boolean;
  readonly connectedMs?: number;
}

export class RawPage {
  readonly tab: Tab;
  readonly name: string;
  readonly #signalUrl: string;

  private constructor(tab: Tab, name: string, signalUrl: string) {
    this.tab = tab;
    this.name = name;
    this.#signalUrl = signalUrl;
  }

  /** `url`: of the server's call page, which stays in its lobby. */
  static async open(tab: Tab, url: string, name: string): Promise<RawPage> {
    await tab.open(url);
    await tab.evaluate(SCRIPT.replace(/;\s*$/, ""));
    return new RawPage(tab, name, new URL("/signal", url.replace(/^http/, "ws")).href);
  }

  /** Takes a seat; the call begins when both have one. May be done again, after `leave`. */
  async join(options: RawCallOptions): Promise<void> {
    const all = { ...options, signalUrl: this.#signalUrl };
    await this.tab.evaluate(`startRawCall(${JSON.stringify(all)})`);
    await this.#factsWhen("seated", ({ isSeated }) => isSeated);
  }

  /** Milliseconds from when both were in the room until data could be sent. */
  async connected(): Promise<number> {
    const { connectedMs } = await this.#factsWhen("connected", (facts) => facts.connectedMs !== undefined);
    return connectedMs ?? Number.NaN;
  }

  async say(lines: readonly string[]): Promise<void> {
    await this.tab.evaluate(`rawCall.say(${JSON.stringify(lines)})`);
  }

  /** Waits for that many lines of the other. */
  async hears(count: number): Promise<readonly string[]> {
    const { heard } = await this.#factsWhen(`${count} lines`, (facts) => facts.heard.length >= count);
    return heard;
  }

  async restartIce(): Promise<void> {
    await this.tab.evaluate("rawCall.restart()");
  }

  async leave(): Promise<void> {
    await this.tab.evaluate("rawCall.leave()");
  }

  facts(): Promise<RawCallFacts> {
    const fields = ["problems", "notices", "candidates", "heard", "isSeated", "connectedMs"];
    return this.tab.evaluate<RawCallFacts>(
      `Object.fromEntries(${JSON.stringify(fields)}.map((field) => [field, rawCall[field]]))`,
    );
  }

  connection(): Promise<ConnectionFacts> {
    return this.tab.evaluate<ConnectionFacts>("turnpikeTest.connection()");
  }

  #factsWhen(what: string, accept: (facts: RawCallFacts) => boolean): Promise<RawCallFacts> {
    return eventually(`${this.name}: ${what}`, () => this.facts(), accept);
  }
}
