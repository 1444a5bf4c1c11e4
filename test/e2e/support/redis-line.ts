/** One node's way to Redis, which the test can cut while the other nodes keep theirs. */

import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { RedisProcess } from "./redis-process.ts";

export class RedisLine {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(redis: RedisProcess) {
    this.#server = createServer((near) => {
      if (this.#isCut) return near.destroy();
      const far = connect(redis.port, "127.0.0.1");
      near.pipe(far).pipe(near);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.on("error", () => other.destroy());
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
  }

  static async to(redis: RedisProcess): Promise<RedisLine> {
    const line = new RedisLine(redis);
    await new Promise<void>((resolve) => line.#server.listen(0, "127.0.0.1", resolve));
    return line;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What is open stays open, and nothing more is heard of it. */
  mute(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.resume();
    }
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
