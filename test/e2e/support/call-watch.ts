/** What happens to a call on its page, from the moment that this is started: its states for people, and the SDK's events. */

import type { CallPage } from "./call-page.ts";

export interface SeenCall {
  /** The texts of the status line, each once in a row. */
  readonly statuses: readonly string[];
  /** `resumed` of each `joined`. */
  readonly joins: readonly boolean[];
  readonly left: readonly string[];
  /** Connections that the page made, closed ones as well. */
  readonly connections: number;
  readonly notice: string;
}

export class CallWatch {
  readonly #page: CallPage;

  private constructor(page: CallPage) {
    this.#page = page;
  }

  static async start(page: CallPage): Promise<CallWatch> {
    await page.tab.evaluate(`(() => {
      const status = document.querySelector("#status");
      const seen = { statuses: [status.textContent], joins: [], left: [] };
      window.seen = seen;
      new MutationObserver(() => {
        if (status.textContent !== seen.statuses.at(-1)) seen.statuses.push(status.textContent);
      }).observe(status, { childList: true, characterData: true, subtree: true });
      turnpike.call.on("joined", ({ resumed }) => seen.joins.push(resumed));
      turnpike.call.on("peer-left", ({ reason }) => seen.left.push(reason));
    })()`);
    return new CallWatch(page);
  }

  seen(): Promise<SeenCall> {
    return this.#page.tab.evaluate<SeenCall>(`({
      ...window.seen,
      connections: turnpikeTest.states().length,
      notice: document.querySelector("#notice-text").textContent,
    })`);
  }

  /** The ICE user fragment of this side: another one after an ICE restart. */
  iceFragment(): Promise<string> {
    return this.#page.tab.evaluate<string>(
      `[...turnpike.call.peers.values()][0].connection.localDescription.sdp.match(/a=ice-ufrag:(\\S+)/)[1]`,
    );
  }

  /** Packets of the other's sound so far. */
  async soundPackets(): Promise<number> {
    return (await this.#page.facts()).audioPackets ?? 0;
  }
}
