/** What keeps this process alive: sockets, servers and timers, sorted by name. Work that ends by itself is left out. */
export async function openHandles(): Promise<string[]> {
  // Handles that were closed go at the end of a turn of the event loop, after its immediates.
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  return process
    .getActiveResourcesInfo()
    .filter((name) => !/Req(Promise)?$|^FSReq|^Immediate$|^TickObject$/.test(name))
    .sort();
}

/** What is open now and was not before; what others have closed meanwhile (a timer of fetch) is no concern. */
export async function handlesSince(before: readonly string[]): Promise<string[]> {
  const rest = [...before];
  return (await openHandles()).filter((name) => {
    const index = rest.indexOf(name);
    if (index >= 0) rest.splice(index, 1);
    return index < 0;
  });
}
