/** PeerJS's server as it starts itself, but for its limit of 5,000 clients. */

import { PeerServer } from "peer";

PeerServer({
  host: "127.0.0.1",
  port: Number(process.argv[2]),
  path: "/",
  concurrent_limit: Number.MAX_SAFE_INTEGER,
});
