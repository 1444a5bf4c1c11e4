/** In a file, and so in a process, of its own: sockets of other tests do not come and go meanwhile. */

import { expect, test } from "vitest";
import { createServer } from "../../src/server.ts";
import { handlesSince, openHandles } from "../support/handles.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { testConfig } from "../support/test-config.ts";

function processListeners(): [string | symbol, number][] {
  return process.eventNames().map((name) => [name, process.listenerCount(name)]);
}

test("a server that closed leaves no handle and no listener on the process behind", async () => {
  const [handles, listeners] = [await openHandles(), processListeners()];
  const server = createServer(testConfig());
  const { http } = await server.start();
  const client = await SignalingClient.open(`ws://127.0.0.1:${http[0]?.port}/signal`);
  await client.join("blue-fox");
  expect(await handlesSince(handles)).not.toEqual([]);
  await server.close();
  await client.closed;
  await expect.poll(() => handlesSince(handles), { interval: 10, timeout: 3000 }).toEqual([]);
  expect(processListeners()).toEqual(listeners);
});
