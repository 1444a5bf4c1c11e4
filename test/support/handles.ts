/** What keeps this process alive: sockets, servers and timers, sorted by name. Work that ends by itself is left out. */
export async function openHandles(): Promise<string[]> {
  await new Promise((resolve) => setImmediate(resolve));
  return process
    .getActiveResourcesInfo()
    .filter((name) => !/Req(Promise)?$|^FSReq|^Immediate$|^TickObject$/.test(name))
    .sort();
}
