// Put into a page, it is the page of an application without our SDK: RTCPeerConnection, and the server's messages as they come. Whoever
// joins first calls the other.
(() => {
  const GATHERED_MS = 10_000;

  /** End-to-end encryption as an application may have it: the server sees noise. */
  class Sealer {
    #key;

    constructor(secret) {
      const digest = crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
      const usages = ["encrypt", "decrypt"];
      this.#key = digest.then((raw) => crypto.subtle.importKey("raw", raw, "AES-GCM", false, usages));
    }

    async seal(value) {
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const plain = new TextEncoder().encode(JSON.stringify(value));
      const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await this.#key, plain);
      return { iv: [...iv], sealed: [...new Uint8Array(sealed)] };
    }

    async open({ iv, sealed }) {
      const algorithm = { name: "AES-GCM", iv: new Uint8Array(iv) };
      const plain = await crypto.subtle.decrypt(algorithm, await this.#key, new Uint8Array(sealed));
      return JSON.parse(new TextDecoder().decode(plain));
    }
  }

  class RawCall {
    /** What the test reads. */
    problems = [];
    notices = [];
    candidates = [];
    heard = [];
    isSeated = false;
    /** From the moment when both were there until data could be sent. */
    connectedMs;
    #options;
    #sealer;
    #socket;
    #ref = 0;
    #iceServers = [];
    #connection;
    #channel;
    #togetherMs;
    /** What comes and what goes, each in its order. */
    #inbox = Promise.resolve();
    #outbox = Promise.resolve();

    constructor(options) {
      this.#options = options;
      if (options.secret !== undefined) this.#sealer = new Sealer(options.secret);
      this.#socket = new WebSocket(options.signalUrl);
      this.#socket.onopen = () => this.#send({ type: "join", v: 1, room: options.room });
      this.#socket.onmessage = ({ data }) => {
        this.#inbox = this.#inbox.then(() => this.#receive(JSON.parse(data))).catch((e) => this.#fail(e));
      };
    }

    say(lines) {
      for (const line of lines) this.#channel.send(line);
    }

    /** Both sides gather again, under new passwords. */
    async restart() {
      await this.#connection.setLocalDescription(await this.#connection.createOffer({ iceRestart: true }));
      await this.#signalDescription();
    }

    /** The call is over for both. */
    leave() {
      this.#send({ type: "leave" });
      this.#close();
    }

    #send(message) {
      this.#socket.send(JSON.stringify({ ...message, ref: ++this.#ref }));
    }

    #fail(error) {
      this.problems.push(String(error));
    }

    async #receive(message) {
      switch (message.type) {
        case "joined":
          this.#iceServers = message.iceServers.filter(({ urls }) => this.#mayUse(urls));
          this.isSeated = true;
          if (message.peers.length > 0) this.#connect();
          return;
        case "peer-joined":
          this.#connect();
          this.#useChannel(this.#connection.createDataChannel("lines"));
          await this.#connection.setLocalDescription();
          return await this.#signalDescription();
        case "offer":
        case "answer":
          return await this.#receiveDescription(message.description);
        case "candidate":
          return await this.#connection.addIceCandidate(message.candidate);
        case "message":
          return await this.#receive(await this.#sealer.open(message.data));
        case "notice":
          return this.notices.push(message);
        case "error":
          return this.#fail(`${message.code}: ${message.message}`);
        case "room-closed":
          return this.#close();
      }
    }

    #mayUse(urls) {
      return this.#options.servers !== "stun" || urls.every((url) => url.startsWith("stun:"));
    }

    #connect() {
      this.#togetherMs = performance.now();
      this.#connection = new RTCPeerConnection({
        iceServers: this.#iceServers,
        iceTransportPolicy: this.#options.relayOnly ? "relay" : "all",
      });
      this.#connection.ondatachannel = ({ channel }) => this.#useChannel(channel);
      this.#connection.onicecandidate = ({ candidate }) => {
        if (candidate !== null) this.candidates.push(candidate.candidate);
        if (this.#options.trickle) this.#signal({ type: "candidate", candidate });
      };
    }

    #useChannel(channel) {
      this.#channel = channel;
      channel.onopen = () => {
        this.connectedMs = performance.now() - this.#togetherMs;
      };
      channel.onmessage = ({ data }) => this.heard.push(data);
    }

    async #receiveDescription(description) {
      await this.#connection.setRemoteDescription(description);
      if (description.type !== "offer") return;
      await this.#connection.setLocalDescription();
      await this.#signalDescription();
    }

    async #signalDescription() {
      const { trickle, hasSilentServers } = this.#options;
      if (!trickle) await this.#gathered(hasSilentServers);
      this.#signal({
        type: this.#connection.localDescription.type,
        description: this.#connection.localDescription,
      });
    }

    /** As applications do it that send one description: gathering is over, or, where that takes for ever, there is a relay. */
    #gathered(isRelayEnough) {
      const isDone = () =>
        this.#connection.iceGatheringState === "complete" ||
        (isRelayEnough && this.#connection.localDescription.sdp.includes(" typ relay"));
      return new Promise((resolve, reject) => {
        const look = () => isDone() && resolve();
        this.#connection.addEventListener("icegatheringstatechange", look);
        // The description has the candidate when the event has been handled.
        this.#connection.addEventListener("icecandidate", () => setTimeout(look));
        setTimeout(() => reject(new Error(`nothing gathered within ${GATHERED_MS} ms`)), GATHERED_MS);
        look();
      });
    }

    #signal(message) {
      this.#outbox = this.#outbox
        .then(async () => {
          if (this.#sealer === undefined) return this.#send(message);
          this.#send({ type: "message", data: await this.#sealer.seal(message) });
        })
        .catch((error) => this.#fail(error));
    }

    #close() {
      this.#connection?.close();
      this.#socket.close();
    }
  }

  globalThis.startRawCall = (options) => {
    globalThis.rawCall = new RawCall(options);
  };
})();
