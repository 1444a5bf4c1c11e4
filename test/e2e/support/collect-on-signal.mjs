/** Loaded before the server (`node --expose-gc --import`): on SIGUSR2 it collects garbage and says what lives on the heap. */

let answers = 0;
process.on("SIGUSR2", () => {
  globalThis.gc();
  process.stdout.write(`\nlive heap ${++answers}: ${process.memoryUsage().heapUsed} bytes\n`);
});
