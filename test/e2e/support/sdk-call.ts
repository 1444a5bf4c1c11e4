/** A member of a call by the SDK alone, on the server's own page: for what the call page has no box to tick. */

import type { Browser, Tab } from "./browser.ts";

export interface SeenCall {
  /** Messages of the other one. */
  readonly heard: number;
  /** From the beginning of the join until the first channel was open. */
  readonly openAfterMs?: number;
  /** Types of the selected pair's candidates. */
  readonly local?: string;
  readonly remote?: string;
}

export class SdkCall {
  readonly tab: Tab;

  private constructor(tab: Tab) {
    this.tab = tab;
  }

  /** Joins by the page at `url`, and says so many lines when a channel opens. `options`: of `joinRoom`. */
  static async join(
    browser: Browser,
    url: string,
    { room, options, lines }: { room: string; options: object; lines: number },
  ): Promise<SdkCall> {
    const tab = await browser.newTab();
    await tab.open(url);
    await tab.evaluate(`(async () => {
      const { joinRoom } = await import("/client.js");
      const startedAt = performance.now();
      window.heard = 0;
      window.call = await joinRoom(${JSON.stringify(room)}, ${JSON.stringify(options)});
      window.call.on("message", () => window.heard++);
      window.call.on("channel-open", () => {
        window.openAfterMs ??= performance.now() - startedAt;
        for (let i = 0; i < ${lines}; i++) window.call.send("line " + i);
      });
    })()`);
    return new SdkCall(tab);
  }

  look(): Promise<SeenCall> {
    return this.tab.evaluate<SeenCall>(`(async () => {
      const [peer] = window.call.peers.values();
      const stats = new Map((await peer?.connection.getStats()) ?? []);
      const pair = [...stats.values()].find(({ type, nominated, state }) =>
        type === "candidate-pair" && nominated && state === "succeeded");
      const typeOf = (id) => stats.get(id)?.candidateType;
      const { heard, openAfterMs } = window;
      return { heard, openAfterMs, local: typeOf(pair?.localCandidateId), remote: typeOf(pair?.remoteCandidateId) };
    })()`);
  }

  async leave(): Promise<void> {
    await this.tab.evaluate("window.call.leave()");
    await this.tab.close();
  }
}
