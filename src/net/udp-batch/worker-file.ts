/** What `UdpThread` runs. */
export const WORKER_FILE = new URL("./worker.js", import.meta.url);
