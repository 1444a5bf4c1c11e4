/**
 * The least that a signaling server can do with `ws`: the first frame names the room, every other goes to the other member as it came,
 * unread. No ids, no checks, no limits, no answers.
 */

import { createServer } from "node:http";
import { type WebSocket, WebSocketServer } from "ws";

const rooms = new Map<string, Set<WebSocket>>();
const server = createServer();
new WebSocketServer({ server }).on("connection", (socket) => {
  let members: Set<WebSocket> | undefined;
  let name = "";
  socket.on("message", (data, isBinary) => {
    if (members === undefined) {
      name = (JSON.parse(String(data)) as { room: string }).room;
      members = rooms.get(name) ?? new Set();
      rooms.set(name, members.add(socket));
      socket.send('{"type":"joined"}');
      return;
    }
    for (const other of members) if (other !== socket) other.send(data, { binary: isBinary });
  });
  socket.on("close", () => {
    members?.delete(socket);
    if (members?.size === 0) rooms.delete(name);
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1");
