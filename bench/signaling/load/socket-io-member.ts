/** A member that speaks through socket.io-client. */

import { io } from "socket.io-client";
import type { Signal } from "../messages.ts";
import type { Dialect, Member } from "./member.ts";

export const socketIo: Dialect = ({ url, room, localAddress }): Member => {
  // `localAddress` is handed on to `ws`; the types do not know it.
  const options = { transports: ["websocket"], forceNew: true, reconnection: false, autoConnect: false };
  const socket = io(url.replace("ws:", "http:"), { ...options, ...{ localAddress } });
  const member: Member = {
    onSignal() {},
    unanswered: 0,
    async join() {
      await new Promise<void>((resolve, reject) => {
        socket.once("connect", resolve).once("connect_error", reject);
        socket.connect();
      });
      await socket.emitWithAck("join", room);
    },
    send: (signal) => void socket.emit("signal", signal),
    async close() {
      if (!socket.connected) return;
      await new Promise((resolve) => {
        socket.once("disconnect", resolve);
        socket.disconnect();
      });
    },
  };
  socket.on("signal", ({ type }: Signal) => member.onSignal(type));
  return member;
};
