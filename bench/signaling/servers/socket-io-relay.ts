/** A room relay as socket.io's own examples have it: join with an acknowledgement, and to everybody else in the room. */

import { Server } from "socket.io";

const io = new Server(Number(process.argv[2]), { transports: ["websocket"], serveClient: false });
io.on("connection", (socket) => {
  let room: string | undefined;
  socket.on("join", (name: string, joined: () => void) => {
    room = name;
    void socket.join(name);
    joined();
  });
  socket.on("signal", (signal: unknown) => {
    if (room !== undefined) socket.to(room).emit("signal", signal);
  });
});
