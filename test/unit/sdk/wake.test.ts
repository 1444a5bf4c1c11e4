/** What the SDK takes for a sign that the network is another one, in a browser, and what it does then. */

import { afterEach, describe, expect, test, vi } from "vitest";
import { listenForWake } from "../../../src/sdk/wake.ts";
import { Bench } from "./bench.ts";

class FakeDocument extends EventTarget {
  visibilityState: "visible" | "hidden" = "visible";

  turn(state: "visible" | "hidden"): void {
    this.visibilityState = state;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

describe("a browser wakes", () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  function listen() {
    vi.useFakeTimers();
    const [page, shown] = [new EventTarget(), new FakeDocument()];
    const network = Object.assign(new EventTarget(), { type: "wifi" });
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
    vi.stubGlobal("navigator", { connection: network });
    vi.stubGlobal("document", shown);
    const callback = vi.fn();
    const stop = listenForWake(callback);
    return { page, network, shown, callback, stop };
  }

  test("when the network is there again, or is another one", () => {
    const { page, network, callback } = listen();
    page.dispatchEvent(new Event("online"));
    network.type = "cellular";
    network.dispatchEvent(new Event("change"));
    expect(callback).toHaveBeenCalledTimes(2);
  });

  test("and not when the same network is said to be faster or slower", () => {
    const { network, callback } = listen();
    for (let i = 0; i < 3; i++) network.dispatchEvent(new Event("change"));
    expect(callback).not.toHaveBeenCalled();
  });

  test("when its page is shown again after five seconds, and not for a glance at another one", () => {
    const { shown, callback } = listen();
    shown.turn("hidden");
    vi.advanceTimersByTime(4999);
    shown.turn("visible");
    expect(callback).not.toHaveBeenCalled();
    shown.turn("hidden");
    vi.advanceTimersByTime(5000);
    shown.turn("visible");
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test("when it comes out of the cache of pages", () => {
    const { page, callback } = listen();
    const pageshow = (persisted: boolean) => Object.assign(new Event("pageshow"), { persisted });
    page.dispatchEvent(pageshow(false));
    expect(callback).not.toHaveBeenCalled();
    page.dispatchEvent(pageshow(true));
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test("when the machine has slept with the page in sight", () => {
    const { callback, shown } = listen();
    vi.advanceTimersByTime(60_000);
    expect(callback).not.toHaveBeenCalled();
    vi.setSystemTime(Date.now() + 600_000);
    vi.advanceTimersByTime(5000);
    expect(callback).toHaveBeenCalledTimes(1);
    shown.visibilityState = "hidden";
    vi.setSystemTime(Date.now() + 600_000);
    vi.advanceTimersByTime(5000);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test("and nobody hears of it any more when the call is over", () => {
    const { page, network, shown, callback, stop } = listen();
    stop();
    page.dispatchEvent(new Event("online"));
    network.type = "cellular";
    network.dispatchEvent(new Event("change"));
    shown.turn("hidden");
    vi.setSystemTime(Date.now() + 600_000);
    shown.turn("visible");
    expect(vi.getTimerCount()).toBe(0);
    expect(callback).not.toHaveBeenCalled();
  });

  test("nothing does where there is no page", () => {
    vi.stubGlobal("addEventListener", undefined);
    listenForWake(() => undefined)();
    vi.unstubAllGlobals();
    // Node has no document, and is not asked for one.
    listenForWake(() => undefined)();
  });
});

describe("when it wakes", () => {
  async function pair() {
    const bench = new Bench({ resumeSeconds: 60 });
    return { bench, first: await bench.join(), second: await bench.join() };
  }

  test("a socket that does not answer within three seconds is given up", async () => {
    const { bench, first } = await pair();
    if (first.socket !== undefined) first.socket.isDeaf = true;
    first.wake();
    await bench.advance(2999);
    expect(first.sockets).toHaveLength(1);
    await bench.advance(1);
    await bench.advance(500);
    expect(first.told("joined")).toMatchObject([{ resumed: true }]);
  });

  test("a try that may have been made into a network that was not there is made again", async () => {
    const { bench, first } = await pair();
    bench.isSilent = true;
    first.socket?.drop();
    await bench.advance(500);
    expect(first.sockets).toHaveLength(2);
    first.wake();
    expect(first.sockets).toHaveLength(2);
    await bench.advance(1000);
    bench.isSilent = false;
    first.wake();
    await bench.run();
    expect(first.sockets).toHaveLength(3);
    expect(first.told("joined")).toMatchObject([{ resumed: true }]);
  });

  test("many signs at once are one question", async () => {
    const { bench, first } = await pair();
    for (let i = 0; i < 5; i++) first.wake();
    await bench.run();
    expect(first.sent("ice")).toHaveLength(1);
    first.wake();
    await bench.run();
    expect(first.sent("ice")).toHaveLength(2);
  });
});

test("a connection that has lost its path lets the socket prove itself, and both come back together", async () => {
  const bench = new Bench({ resumeSeconds: 60 });
  const [first] = [await bench.join(), await bench.join()];
  await bench.advance(1500);
  first.connection.changeState("connected");
  await bench.run();
  if (first.socket !== undefined) first.socket.isDeaf = true;
  first.connection.changeState("disconnected");
  expect(first.sent("report").at(-1)).toMatchObject({ report: { state: "disconnected" } });
  await bench.advance(3000);
  await bench.advance(500);
  expect(first.told("joined")).toMatchObject([{ resumed: true }]);
  expect(first.connection.restartIce).toHaveBeenCalledTimes(1);
});

test("two tabs with one seat do not fight for it: the one that came last has it, and the other one's call is over", async () => {
  const bench = new Bench();
  const [first, other] = [await bench.join(), await bench.join()];
  const { resumption: resume } = first.call;
  if (resume === undefined) throw new Error("no resumption");
  // The tab is duplicated, its storage with it.
  const duplicate = await bench.join({ resume });
  expect(first.told("closed")).toMatchObject([{ reason: "replaced" }]);
  expect(first.call.resumption).toBeUndefined();
  for (let i = 0; i < 60; i++) {
    await bench.advance(1000);
    first.wake();
  }
  expect(first.sockets).toHaveLength(1);
  expect(duplicate.sockets).toHaveLength(1);
  expect(duplicate.told("closed")).toEqual([]);
  expect([...other.call.peers.keys()]).toEqual([duplicate.call.id]);
});
