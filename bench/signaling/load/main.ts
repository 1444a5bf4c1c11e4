/** The load, in a process of its own: `node …/load/main.js DIALECT URL`, and then it is asked over IPC. */

import type { Answer, LoadRequest, Question } from "../ipc.ts";
import { Load } from "./load.ts";
import type { Dialect } from "./member.ts";
import { socketIo } from "./socket-io-member.ts";
import { bareWs, peer, turnpike } from "./web-socket-member.ts";

const DIALECTS: ReadonlyMap<string | undefined, Dialect> = new Map(
  Object.entries({ turnpike, ws: bareWs, peer, "socket.io": socketIo }),
);

const [name, url = ""] = process.argv.slice(2);
const dialect = DIALECTS.get(name);
if (dialect === undefined) throw new Error(`no such dialect: ${name}`);
const load = new Load(dialect, url);

process.on("message", ({ id, ask }: Question<LoadRequest>) => {
  load.do(ask).then(
    (value) => answer({ id, value }),
    (error: unknown) => answer({ id, error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));

function answer(words: Answer): void {
  process.send?.(words);
}
