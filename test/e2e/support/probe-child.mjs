/**
 * Sits on a machine of the lab and does what its parent says: binds UDP and TCP to every port named by an argument, sends
 * words from there, and tells what it hears. Ends with its parent.
 */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";

const udp = new Map();

function tell(message) {
  process.send?.(message);
}

for (const port of process.argv.slice(2).map(Number)) {
  const socket = createSocket("udp4");
  socket.on("message", (data, from) => {
    tell({ heard: String(data), transport: "udp", port, from: { address: from.address, port: from.port } });
  });
  socket.bind(port);
  const server = createServer((connection) => {
    const from = { address: connection.remoteAddress, port: connection.remotePort };
    connection.on("data", (data) => tell({ heard: String(data), transport: "tcp", port, from }));
    connection.on("error", () => connection.destroy());
  }).listen(port, "0.0.0.0");
  await Promise.all([once(socket, "listening"), once(server, "listening")]);
  udp.set(port, socket);
}

process.on("message", ({ say, transport, port, to }) => {
  if (transport === "udp") {
    udp.get(port).send(say, to.port, to.address, () => tell({ said: say }));
    return;
  }
  const connection = connect(to.port, to.address, () => connection.end(say));
  // What is dropped on the way ends with this process; a refusal is for the parent to see.
  connection.on("error", (error) => tell({ failed: error.message }));
  tell({ said: say });
});
process.on("disconnect", () => process.exit(0));
tell({ ready: true });
