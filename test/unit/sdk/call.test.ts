import { describe, expect, test } from "vitest";
import { Bench } from "./bench.ts";
import { settle } from "./fake-clock.ts";

async function pair(options: ConstructorParameters<typeof Bench>[0] = {}) {
  const bench = new Bench(options);
  const first = await bench.join({ name: "Ada" });
  const second = await bench.join({ name: "Grace" });
  return { bench, first, second };
}

function track(id: string): MediaStreamTrack {
  return { id, kind: "video" } as MediaStreamTrack;
}

describe("members", () => {
  test("who is there already stands in call.peers, who comes and goes is told", async () => {
    const bench = new Bench({ roomSize: 3, clearOnLeave: false });
    const first = await bench.join({ name: "Ada" });
    expect(first.call.created).toBe(true);
    const second = await bench.join({ name: "Grace" });
    const third = await bench.join();
    expect(second.call.created).toBe(false);
    expect([...third.call.peers.values()].map(({ name }) => name)).toEqual(["Ada", "Grace"]);
    expect(first.told("peer-joined").map(({ peer }) => peer.name)).toEqual(["Grace", undefined]);
    expect(first.connections).toHaveLength(2);
    const leaving = second.call.leave();
    await bench.run();
    await leaving;
    expect(first.told("peer-left")).toMatchObject([{ reason: "left", peer: { name: "Grace" } }]);
    expect(first.connections[0]?.connectionState).toBe("closed");
    expect(first.connections[1]?.connectionState).toBe("new");
  });

  test("one who lost the server is away, and back", async () => {
    const { bench, first, second } = await pair();
    second.socket?.drop();
    await bench.run();
    const [peer] = first.call.peers.values();
    expect(first.told("peer-away")).toEqual([{ peer }]);
    expect(peer?.away).toBe(true);
    await bench.advance(500);
    expect(first.told("peer-back")).toEqual([{ peer }]);
    expect(peer?.away).toBe(false);
  });
});

describe("media", () => {
  test("a track is sent to those who are there and to those who come", async () => {
    const bench = new Bench({ roomSize: 3 });
    const first = await bench.join();
    await bench.join();
    const camera = track("camera");
    first.call.addTrack(camera);
    first.call.addTrack(camera);
    await bench.join();
    expect(first.connections.map(({ senders }) => senders.map((sender) => sender.track))).toEqual([
      [camera],
      [camera],
    ]);
  });

  test("replaceTrack needs no negotiation; removeTrack does", async () => {
    const { bench, first } = await pair();
    const [camera, screen] = [track("camera"), track("screen")];
    first.call.addTrack(camera);
    await bench.run();
    const offers = first.sent("offer").length;
    await first.call.replaceTrack(camera, screen);
    await bench.run();
    expect(first.connection.senders.map((sender) => sender.track)).toEqual([screen]);
    expect(first.sent("offer")).toHaveLength(offers);
    first.call.removeTrack(screen);
    await bench.run();
    expect(first.connection.senders).toEqual([]);
    expect(first.sent("offer")).toHaveLength(offers + 1);
  });

  test("the other's track is told with its peer and streams", async () => {
    const { first } = await pair();
    const event = { track: track("theirs"), streams: [{}], transceiver: {} };
    first.connection.ontrack?.(event);
    const [peer] = first.call.peers.values();
    expect(first.told("track")).toEqual([{ peer, ...event }]);
  });
});

describe("the data channel", () => {
  test("carries words when it is open, to all or to one", async () => {
    const { first } = await pair();
    const [peer] = first.call.peers.values();
    if (peer === undefined) throw new Error("no peer");
    expect(first.call.send("too early")).toBe(0);
    first.connection.channel.open();
    expect(first.told("channel-open")).toMatchObject([{ peer }]);
    expect(first.call.send("hello")).toBe(1);
    expect(first.call.send("you", peer)).toBe(1);
    expect(first.call.send("nobody", "unknown")).toBe(0);
    expect(first.connection.channel.sent).toEqual(["hello", "you"]);
    first.connection.channel.onmessage?.({ data: "hi" });
    expect(first.told("message")).toEqual([{ peer, via: "channel", data: "hi" }]);
  });

  test("that refuses a message is an error, and the next message goes", async () => {
    const { first } = await pair();
    first.connection.channel.open();
    expect(first.call.send("too much")).toBe(0);
    expect(first.told("error")).toMatchObject([{ code: "send-failed" }]);
    expect(first.call.send("less")).toBe(1);
  });
});

describe("ICE", () => {
  test("fresh iceServers go into every connection, without a restart", async () => {
    const { bench, first } = await pair();
    await bench.advance(3600 * 800);
    expect(first.told("ice-servers")).toHaveLength(1);
    const fresh = first.told("ice-servers")[0]?.iceServers;
    expect(first.connection.configuration.iceServers).toEqual(fresh);
    expect(first.connection.restartIce).not.toHaveBeenCalled();
  });

  test("fresh iceServers restart what failed, at once, and nothing that works", async () => {
    const { bench, first } = await pair();
    const { connection } = first;
    const refreshed = () => Promise.all([first.call.refreshIceServers(), bench.run()]);
    // The first try comes at once, the next after a pause.
    for (let i = 0; i < 2; i++) {
      connection.changeState("failed");
      await bench.advance(0);
    }
    const before = connection.restartIce.mock.calls.length;
    await refreshed();
    expect(connection.restartIce).toHaveBeenCalledTimes(before + 1);
    connection.changeState("connected");
    await refreshed();
    expect(connection.restartIce).toHaveBeenCalledTimes(before + 1);
  });

  test("refreshIceServers asks for them now", async () => {
    const { bench, first } = await pair();
    const refreshing = first.call.refreshIceServers();
    await bench.run();
    await refreshing;
    expect(first.told("ice-servers")).toHaveLength(1);
    expect(first.connection.configuration.iceServers).toMatchObject([{ username: "user 3" }]);
  });

  test("a configuration that the browser refuses is an error; the call goes on", async () => {
    const { bench, first } = await pair();
    first.connection.failing = "setConfiguration";
    await bench.advance(3600 * 800);
    expect(first.told("error")).toMatchObject([{ code: "negotiation-failed" }]);
    expect(first.call.closed).toBe(false);
  });

  test("iceTransportPolicy and rtcConfiguration of the options win", async () => {
    const bench = new Bench();
    const rtcConfiguration = { bundlePolicy: "max-bundle", iceServers: [] } as const;
    await bench.join();
    const second = await bench.join({
      iceTransportPolicy: "relay",
      rtcConfiguration: { ...rtcConfiguration, iceServers: [] },
    });
    expect(second.connection.configuration).toEqual({ ...rtcConfiguration, iceTransportPolicy: "relay" });
  });

  test("that failed is restarted at once, then with growing pauses", async () => {
    const { bench, first } = await pair();
    const { connection } = first;
    connection.changeState("failed");
    await bench.advance(0);
    expect(connection.restartIce).toHaveBeenCalledTimes(1);
    connection.changeState("failed");
    await bench.advance(999);
    expect(connection.restartIce).toHaveBeenCalledTimes(1);
    await bench.advance(1);
    expect(connection.restartIce).toHaveBeenCalledTimes(2);
    connection.changeState("failed");
    await bench.advance(1999);
    expect(connection.restartIce).toHaveBeenCalledTimes(2);
    connection.changeState("connected");
    await bench.advance(1);
    expect(connection.restartIce).toHaveBeenCalledTimes(2);
  });

  test("that is disconnected is restarted when it does not recover within five seconds", async () => {
    const { bench, first } = await pair();
    const { connection } = first;
    connection.changeState("disconnected");
    await bench.run();
    await bench.advance(4999);
    connection.changeState("connected");
    await bench.advance(10_000);
    expect(connection.restartIce).not.toHaveBeenCalled();
    connection.changeState("disconnected");
    await bench.run();
    await bench.advance(5000);
    expect(connection.restartIce).toHaveBeenCalledTimes(1);
    connection.changeState("connected");
    connection.changeState("disconnected");
    connection.changeState("failed");
    await bench.advance(0);
    expect(connection.restartIce).toHaveBeenCalledTimes(2);
    await bench.advance(4000);
    expect(connection.restartIce).toHaveBeenCalledTimes(2);
  });

  test("waits with a restart while one side has no server, and restarts when both have", async () => {
    const { bench, first, second } = await pair();
    bench.isUp = false;
    second.socket?.drop();
    await bench.run();
    first.connection.changeState("failed");
    await bench.run();
    await bench.advance(5000);
    expect(first.connection.restartIce).not.toHaveBeenCalled();
    bench.isUp = true;
    second.wake();
    await bench.run();
    expect(first.connection.restartIce).toHaveBeenCalledTimes(1);
  });

  test("restartIce for one member or for all", async () => {
    const bench = new Bench({ roomSize: 3 });
    const first = await bench.join();
    const second = await bench.join();
    await bench.join();
    first.call.restartIce(second.call.id);
    expect(first.connections.map(({ restartIce }) => restartIce.mock.calls.length)).toEqual([1, 0]);
    first.call.restartIce();
    expect(first.connections.map(({ restartIce }) => restartIce.mock.calls.length)).toEqual([2, 1]);
  });
});

describe("the path", () => {
  function stats(type: string, seconds: number): Map<string, object> {
    return new Map<string, object>([
      ["T", { id: "T", type: "transport", selectedCandidatePairId: "P" }],
      [
        "P",
        {
          id: "P",
          type: "candidate-pair",
          localCandidateId: "L",
          remoteCandidateId: "R",
          currentRoundTripTime: seconds,
        },
      ],
      [
        "L",
        {
          id: "L",
          type: "local-candidate",
          candidateType: type,
          protocol: "udp",
          relayProtocol: "udp",
          url: "turn:example.org:3478?transport=udp",
        },
      ],
      [
        "R",
        { id: "R", type: "remote-candidate", candidateType: "host", protocol: "udp", address: "192.168.1.2" },
      ],
    ]);
  }

  test("is told when it or its round-trip time changes, and reported to the server when it changes", async () => {
    const { bench, first, second } = await pair();
    const { connection } = first;
    connection.onicecandidateerror?.({ errorCode: 701, url: "turn:x", errorText: "no answer" });
    connection.stats = stats("host", 0.0123);
    connection.changeState("connected");
    await bench.run();
    await bench.advance(2000);
    connection.stats = stats("host", 0.02);
    await bench.advance(2000);
    connection.stats = stats("relay", 0.02);
    await bench.advance(2000);
    expect(first.told("path").map(({ path }) => [path.sentence, path.roundTripTimeMs])).toEqual([
      ["Direct on the local network", 12.3],
      ["Direct on the local network", 20],
      ["Relayed over UDP through turn:example.org:3478", 20],
    ]);
    const to = second.call.id;
    expect(first.sent("report").map(({ report }) => report)).toEqual([
      {
        to,
        state: "connected",
        localCandidateType: "host",
        remoteCandidateType: "host",
        roundTripTimeMs: 12.3,
        errors: [{ code: 701, url: "turn:x", text: "no answer" }],
      },
      {
        to,
        state: "connected",
        localCandidateType: "relay",
        remoteCandidateType: "host",
        relayProtocol: "udp",
        roundTripTimeMs: 20,
      },
    ]);
    expect(first.told("notice")).toMatchObject([{ code: "ice-server-error", detail: { code: 701 } }]);
    expect(first.told("error")).toEqual([]);
  });

  test("a failure is reported, and the path is unknown until it is found again", async () => {
    const { bench, first, second } = await pair();
    first.connection.stats = stats("host", 0.01);
    first.connection.changeState("connected");
    await bench.run();
    first.connection.changeState("failed");
    await bench.run();
    const [peer] = first.call.peers.values();
    expect(peer?.path).toBeUndefined();
    expect(first.sent("report").at(-1)?.report).toEqual({ to: second.call.id, state: "failed" });
    first.connection.changeState("connected");
    await bench.run();
    expect(peer?.path?.sentence).toBe("Direct on the local network");
    expect(first.told("connection-state").map(({ state }) => state)).toEqual([
      "connected",
      "failed",
      "connected",
    ]);
  });
});

describe("leaving", () => {
  test("closes everything, tells the server, and is the last event", async () => {
    const { bench, first, second } = await pair();
    first.connection.changeState("connected");
    await settle();
    const leaving = first.call.leave();
    expect(first.connection.connectionState).toBe("closed");
    await bench.run();
    await leaving;
    expect(first.events.at(-1)).toEqual(["closed", { reason: "left", detail: undefined, error: undefined }]);
    expect(second.told("closed")).toEqual([{ reason: "room-closed", detail: "left", error: undefined }]);
    expect(bench.hub.stats).toEqual({ rooms: 0, members: 0, connections: 0 });
    expect(first.call.peers.size).toBe(0);
    expect(first.call.resumption).toBeUndefined();
    expect(bench.clock.pending).toBe(0);
    await first.call.leave();
  });

  test("does not wait for a server that is not there for more than a second", async () => {
    const { bench, first } = await pair();
    bench.isUp = false;
    first.socket?.drop();
    const leaving = first.call.leave();
    await bench.clock.advance(1000);
    await leaving;
    expect(bench.clock.pending).toBe(0);
  });
});

describe("listeners", () => {
  test("that throw break nothing, and stop when told to", async () => {
    const { bench, first, second } = await pair();
    const heard: unknown[] = [];
    first.call.on("message", () => {
      throw new Error("a bug of the application");
    });
    const stop = first.call.on("message", ({ data }) => heard.push(data));
    const one = second.call.post(1);
    await bench.run();
    await one;
    stop();
    stop();
    const two = second.call.post(2);
    await bench.run();
    await two;
    expect(heard).toEqual([1]);
  });
});
