/** A socket that is dead without having said so: the browser hears of it after many minutes, if at all. */

import { expect, test } from "vitest";
import { Bench } from "./bench.ts";

async function pair() {
  const bench = new Bench({ resumeSeconds: 60 });
  const first = await bench.join();
  const second = await bench.join();
  const [socket] = first.sockets;
  if (socket === undefined) throw new Error("no socket");
  return { bench, first, second, socket };
}

test("a request that meets ten seconds of silence is said again on a new socket", async () => {
  const { bench, first, second, socket } = await pair();
  socket.isDeaf = true;
  const posted = first.call.post("into the void");
  await bench.advance(9_000);
  expect(first.sockets).toHaveLength(1);
  await bench.advance(1_000);
  await bench.advance(500);
  await posted;
  expect(socket.closedWith).toBeDefined();
  expect(first.told("signaling")).toEqual([{ state: "reconnecting" }, { state: "connected" }]);
  expect(first.told("joined")).toMatchObject([{ resumed: true }]);
  expect(second.told("message")).toMatchObject([{ data: "into the void" }]);
});

test("whatever the server says shows that the socket lives", async () => {
  const { bench, first, second, socket } = await pair();
  socket.isDeaf = true;
  const posted = first.call.post("into the void").catch(String);
  for (let i = 0; i < 6; i++) {
    await bench.advance(5_000);
    await Promise.all([second.call.post(i), bench.run()]);
  }
  expect(first.sockets).toHaveLength(1);
  await Promise.all([first.call.leave(), bench.clock.advance(1_000)]);
  await posted;
});

test("nothing is asked of a server that owes no answer, and no timer is left", async () => {
  const { bench, first } = await pair();
  await Promise.all([first.call.post("answered"), bench.run()]);
  const sent = first.socket?.sent.length;
  await bench.clock.advance(120_000);
  expect(first.sockets).toHaveLength(1);
  expect(first.socket?.sent).toHaveLength(sent ?? 0);
  expect(bench.clock.pending).toBe(0);
});

test("when the network comes back the socket is tried, and a live one brings fresh iceServers", async () => {
  const { bench, first, socket } = await pair();
  first.wake();
  await bench.run();
  expect(first.sent("ice")).toHaveLength(1);
  expect(first.told("ice-servers")).toHaveLength(1);
  socket.isDeaf = true;
  first.wake();
  await bench.advance(10_000);
  await bench.advance(500);
  expect(first.told("joined")).toMatchObject([{ resumed: true }]);
});
