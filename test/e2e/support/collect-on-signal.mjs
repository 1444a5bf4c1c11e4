/** Loaded before the server (`node --expose-gc --import`): on SIGWINCH it collects garbage and says what lives on the heap. */

let answers = 0;
process.on("SIGWINCH", () => {
  globalThis.gc();
  process.stdout.write(`\nlive heap ${++answers}: ${process.memoryUsage().heapUsed} bytes\n`);
});
