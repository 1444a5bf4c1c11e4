// Runs in the page, before anything of the page does: remembers every RTCPeerConnection, and gives the tests
// `turnpikeTest`, the hands and eyes that are the same in every browser.
(() => {
  const connections = [];
  const Native = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class RTCPeerConnection extends Native {
    #toldClosed;
    /** Resolves with undefined. */
    toldClosed = new Promise((resolve) => {
      this.#toldClosed = resolve;
    });

    constructor(...args) {
      super(...args);
      connections.push(this);
    }

    close() {
      super.close();
      this.#toldClosed();
    }
  };

  function element(selector) {
    const found = document.querySelector(selector);
    if (found === null) throw new Error(`the page has no ${selector}`);
    return found;
  }

  /** What a person could not click, a test does not click either. */
  function assertClickable(target, selector) {
    if (!target.checkVisibility({ visibilityProperty: true })) throw new Error(`${selector} is not visible`);
    if (target.disabled) throw new Error(`${selector} is disabled`);
    target.scrollIntoView({ block: "center" });
    const { left, top, width, height } = target.getBoundingClientRect();
    const hit = document.elementFromPoint(left + width / 2, top + height / 2);
    const labels = [...(target.labels ?? [])];
    if (![target, ...labels].some((one) => one === hit || one.contains(hit))) {
      throw new Error(`${selector} is covered by ${hit?.outerHTML.slice(0, 80)}`);
    }
  }

  function click(selector) {
    const target = element(selector);
    assertClickable(target, selector);
    target.click();
  }

  function check(selector, checked) {
    if (element(selector).checked !== checked) click(selector);
  }

  function fill(selector, value) {
    const input = element(selector);
    assertClickable(input, selector);
    input.focus();
    input.value = value;
    input.dispatchEvent(new InputEvent("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function openChat() {
    if (!element("#chat-input").checkVisibility()) click("#chat-toggle");
  }

  function say(text) {
    fill("#chat-input", text);
    click("#chat-send");
  }

  /** What the chat log shows, in order. `from`: "me" or "peer". */
  function chat(from) {
    const lines = [...element("#chat-log").querySelectorAll("li")];
    return lines.filter((line) => line.dataset.from === from).map((line) => line.textContent.trim());
  }

  /** Undefined: the connection was closed meanwhile, and Firefox then never tells its statistics. */
  async function statsOf(connection) {
    const report = await Promise.race([connection.getStats(), connection.toldClosed]);
    if (report === undefined) return undefined;
    const stats = new Map();
    report.forEach((stat) => {
      stats.set(stat.id, stat);
    });
    return stats;
  }

  /** Firefox calls a candidate prflx for good that it heard before it was signalled. */
  function signalledType(remote, sdp) {
    if (remote?.candidateType !== "prflx" || !remote.address) return undefined;
    const [, behind] = sdp.split(` ${remote.address} ${remote.port} typ `);
    return behind?.split(/\s/, 1)[0];
  }

  /** The pair that carries the data of a connection; Firefox marks the pair, Chromium names it in the transport. */
  function selectedPair(stats, { remoteDescription }) {
    const all = [...stats.values()];
    const named = all.find((stat) => stat.type === "transport")?.selectedCandidatePairId;
    const pair = stats.get(named) ?? all.find((stat) => stat.type === "candidate-pair" && stat.selected);
    if (pair === undefined) return undefined;
    const local = stats.get(pair.localCandidateId);
    const remote = stats.get(pair.remoteCandidateId);
    return {
      local: local?.candidateType,
      remote: signalledType(remote, remoteDescription?.sdp ?? "") ?? remote?.candidateType,
      relayProtocol: local?.relayProtocol,
      // As this side sends it: to its relay, or else to the other candidate.
      transport: local?.relayProtocol || local?.protocol,
      localAddress: local?.address,
      localPort: local?.port,
      remoteAddress: remote?.address,
    };
  }

  function sum(stats, type, field) {
    const numbers = stats.filter((stat) => stat.type === type).map((stat) => stat[field] ?? 0);
    return numbers.reduce((total, number) => total + number, 0);
  }

  /** The newest connection that is not closed, as its statistics tell it. */
  async function connection() {
    const open = connections.filter((one) => one.connectionState !== "closed");
    const newest = open.at(-1);
    if (newest === undefined) return { open: 0 };
    const stats = await statsOf(newest);
    if (stats === undefined) return await connection();
    const all = [...stats.values()];
    return {
      open: open.length,
      state: newest.connectionState,
      pair: selectedPair(stats, newest),
      messagesReceived: sum(all, "data-channel", "messagesReceived"),
      videos: all.filter(({ type, framesDecoded = 0 }) => type === "inbound-rtp" && framesDecoded > 0).length,
      framesDecoded: sum(all, "inbound-rtp", "framesDecoded"),
      audioPackets: sum(
        all.filter((stat) => stat.kind === "audio"),
        "inbound-rtp",
        "packetsReceived",
      ),
    };
  }

  /** How many candidates of which type stand in a description: `{ host: 2, relay: 1 }`. */
  function candidateTypes(one, side) {
    // Firefox has no description of a closed connection, and throws.
    const sdp = one.signalingState === "closed" ? "" : (one[side]?.sdp ?? "");
    const types = {};
    for (const [, type] of sdp.matchAll(/^a=candidate:.* typ (\w+)/gm)) {
      types[type] = (types[type] ?? 0) + 1;
    }
    return types;
  }

  /** "1 video sendrecv", and "off" where the page asks for nothing. */
  function mediaOf({ mid, receiver, currentDirection }) {
    return `${mid} ${receiver.track.kind} ${currentDirection ?? "off"}`;
  }

  /** Every connection that the page made, oldest first, without asking for statistics: for the message of a failure. */
  function states() {
    return connections.map((one) => ({
      state: one.connectionState,
      signaling: one.signalingState,
      ice: one.iceConnectionState,
      gathering: one.iceGatheringState,
      local: candidateTypes(one, "localDescription"),
      remote: candidateTypes(one, "remoteDescription"),
      media: one.signalingState === "closed" ? [] : one.getTransceivers().map(mediaOf),
    }));
  }

  const FLOW_POLL_MS = 100;

  /** From now on: the longest time in which no sound of the other came. */
  function watchSound() {
    const seen = { packets: 0, sinceMs: performance.now(), longestGapMs: 0 };
    globalThis.turnpikeSound = seen;
    const look = async () => {
      const { audioPackets = 0 } = await connection();
      const nowMs = performance.now();
      seen.longestGapMs = Math.max(seen.longestGapMs, nowMs - seen.sinceMs);
      if (audioPackets !== seen.packets) Object.assign(seen, { packets: audioPackets, sinceMs: nowMs });
      setTimeout(look, FLOW_POLL_MS);
    };
    void look();
  }

  /** As an application may do it, of the newest connection. */
  function restartIce() {
    connections
      .filter((one) => one.connectionState !== "closed")
      .at(-1)
      ?.restartIce();
  }

  const FRAMES_PER_SECOND = 10;

  function sendAnotherTrack() {
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d");
    let frames = 0;
    setInterval(() => {
      context.fillStyle = frames++ % 2 === 0 ? "red" : "blue";
      context.fillRect(0, 0, canvas.width, canvas.height);
    }, 1000 / FRAMES_PER_SECOND);
    turnpike.call.addStream(canvas.captureStream(FRAMES_PER_SECOND));
  }

  /** Another tab, with a copy of this one's storage, in which the seat lies as when the page is loaded again. */
  function duplicateTab() {
    const { room, resumption: resume } = turnpike.call;
    const wish = { room, useMedia: false, relayOnly: false };
    sessionStorage.setItem("turnpike.seat", JSON.stringify({ wish, resume }));
    globalThis.duplicate = window.open(location.href);
  }

  globalThis.turnpikeTest = {
    duplicateTab,
    sendAnotherTrack,
    click,
    check,
    fill,
    openChat,
    say,
    chat,
    connection,
    states,
    watchSound,
    restartIce,
  };
})();
