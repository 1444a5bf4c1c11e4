/** One person on our call page. */

import type { Tab } from "./browser.ts";
import { eventually } from "./eventually.ts";

/** `data-state` of the page. */
export type PageState =
  | "loading"
  | "lobby"
  | "waiting"
  | "connecting"
  | "connected"
  | "reconnecting"
  | "ended";

/** The candidates that carry the data, seen from one side. `relayProtocol`: how its own relay is reached. */
export interface SelectedPair {
  readonly local: string;
  readonly remote: string;
  readonly relayProtocol?: string;
  /** What leaves the browser: `relayProtocol`, or that of the candidate. */
  readonly transport?: string;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly remoteAddress?: string;
}

/** What the browser's own statistics say about its newest connection. */
export interface ConnectionFacts {
  /** Connections that are not closed. */
  readonly open: number;
  readonly state?: string;
  readonly pair?: SelectedPair;
  readonly messagesReceived?: number;
  readonly framesDecoded?: number;
  /** Of how many pictures frames came. */
  readonly videos?: number;
  readonly audioPackets?: number;
}

/** What the page itself says about the path. */
export interface ShownPath {
  readonly text: string;
  readonly relayed: string | null;
  readonly localType: string | null;
  readonly remoteType: string | null;
  readonly relayProtocol: string | null;
}

export interface JoinOptions {
  readonly room: string;
  readonly name: string;
  readonly relayOnly?: boolean;
  readonly media?: boolean;
}

export class CallPage {
  readonly tab: Tab;
  readonly name: string;

  private constructor(tab: Tab, name: string) {
    this.tab = tab;
    this.name = name;
  }

  /** Opens the page, fills in the form and presses Join. */
  static async join(tab: Tab, url: string, options: JoinOptions): Promise<CallPage> {
    const page = new CallPage(tab, options.name);
    await tab.open(url);
    await page.reaches("lobby");
    await page.#fill("#room", options.room);
    await page.#fill("#name", options.name);
    await page.#check("#relay-only", options.relayOnly ?? false);
    await page.#useMedia(options.media ?? false);
    await page.#click("#join");
    return page;
  }

  /** Waits for a state of the page. */
  async reaches(...states: readonly PageState[]): Promise<PageState> {
    const { state } = await eventually(
      `${this.name}'s page being ${states.join(" or ")}`,
      async () => ({ ...(await this.#shown()), errors: this.tab.errors }),
      ({ state }) => states.includes(state),
    );
    return state;
  }

  /** Loads the page again; resolves as soon as the new one runs. */
  async reload(): Promise<void> {
    await this.tab.evaluate("((window.isOld = true), location.reload())");
    const isNew = `document.readyState !== "loading" && window.isOld === undefined`;
    // In between there is no page to ask.
    const ask = () => this.tab.evaluate<boolean>(isNew).catch(() => false);
    await eventually(`${this.name}'s page being loaded again`, ask, Boolean);
  }

  /** Opens this tab once more, with its storage and the seat in it. */
  duplicate(): Promise<void> {
    return this.tab.evaluate("turnpikeTest.duplicateTab()");
  }

  duplicateState(): Promise<PageState | undefined> {
    return this.tab.evaluate(`duplicate.document.querySelector("main")?.dataset.state`);
  }

  /** Turns the switch, before or in a call. */
  setRelayOnly(relayOnly: boolean): Promise<void> {
    return this.#check("#relay-only", relayOnly);
  }

  /** Switches the microphone off, or on again. */
  turnMicrophone(): Promise<void> {
    return this.#click("#mute");
  }

  /** Waits until the other's tile says so of the other's microphone. */
  async showsMicrophone(wanted: "on" | "off"): Promise<void> {
    await eventually(
      `the other's microphone being ${wanted} for ${this.name}`,
      () => this.tab.evaluate<string>(`document.querySelector("[data-peer]").dataset.microphone`),
      (shown) => shown === wanted,
    );
  }

  /** Sends one more moving picture beside the camera's, as a shared screen is one. */
  sendAnotherTrack(): Promise<void> {
    return this.tab.evaluate("turnpikeTest.sendAnotherTrack()");
  }

  hangUp(): Promise<void> {
    return this.#click("#hangup");
  }

  /** Types and sends the lines, one after the other, as fast as the page takes them. */
  async say(lines: readonly string[]): Promise<void> {
    await this.tab.evaluate("turnpikeTest.openChat()");
    await this.tab.evaluate(`${JSON.stringify(lines)}.forEach((line) => turnpikeTest.say(line))`);
  }

  /** Waits until the page takes a line: the data channel is open. */
  async canWrite(): Promise<void> {
    await eventually(
      `${this.name} being able to write`,
      () => this.tab.evaluate<boolean>(`!document.querySelector("#chat-send").disabled`),
      (enabled) => enabled,
    );
  }

  /** The lines that the chat shows as the other's. */
  heard(): Promise<string[]> {
    return this.tab.evaluate<string[]>(`turnpikeTest.chat("peer")`);
  }

  facts(): Promise<ConnectionFacts> {
    return this.tab.evaluate<ConnectionFacts>(`turnpikeTest.connection()`);
  }

  /** How every connection that the page made stands, for people to read. */
  async states(): Promise<string> {
    return `${this.name}: ${await this.tab.evaluate<string>("JSON.stringify(turnpikeTest.states())")}`;
  }

  /** From now on `longestSilenceMs` measures. */
  watchSound(): Promise<void> {
    return this.tab.evaluate("turnpikeTest.watchSound()");
  }

  /** The longest time without a packet of the other's sound. */
  longestSilenceMs(): Promise<number> {
    return this.tab.evaluate<number>("turnpikeSound.longestGapMs");
  }

  restartIce(): Promise<void> {
    return this.tab.evaluate("turnpikeTest.restartIce()");
  }

  /** Waits until the statistics are as wanted. */
  factsWhen(
    what: string,
    accept: (facts: ConnectionFacts) => boolean,
    withinMs?: number,
  ): Promise<ConnectionFacts> {
    return eventually(`${this.name}: ${what}`, () => this.facts(), accept, withinMs);
  }

  async shownPath(): Promise<ShownPath> {
    return await this.tab.evaluate<ShownPath>(`((path) => ({
      text: path.textContent.trim(),
      relayed: path.dataset.relayed ?? null,
      localType: path.dataset.localType ?? null,
      remoteType: path.dataset.remoteType ?? null,
      relayProtocol: path.dataset.relayProtocol ?? null,
    }))(document.querySelector("#path"))`);
  }

  /** `problem`: what the page tells a person who cannot join. */
  #shown(): Promise<{ readonly state: PageState; readonly problem: string }> {
    return this.tab.evaluate(`({
      state: document.querySelector("main").dataset.state,
      problem: document.querySelector("#join-error")?.textContent ?? "",
    })`);
  }

  /** Without a secure context the page has no camera to offer, and its box is disabled or hidden. */
  async #useMedia(wanted: boolean): Promise<void> {
    const isOffered = await this.tab.evaluate<boolean>(
      `((box) => box.checkVisibility() && !box.disabled)(document.querySelector("#use-media"))`,
    );
    if (isOffered || wanted) await this.#check("#use-media", wanted);
  }

  async #click(selector: string): Promise<void> {
    await this.tab.evaluate(`turnpikeTest.click(${JSON.stringify(selector)})`);
  }

  async #fill(selector: string, value: string): Promise<void> {
    await this.tab.evaluate(`turnpikeTest.fill(${JSON.stringify(selector)}, ${JSON.stringify(value)})`);
  }

  async #check(selector: string, checked: boolean): Promise<void> {
    await this.tab.evaluate(`turnpikeTest.check(${JSON.stringify(selector)}, ${checked})`);
  }
}
