// Turnpike inside a program of your own: signaling on your HTTP server, TURN beside it.
//
//   npm run build && node examples/embed.mjs
//
// Browsers import the SDK from this program: import { … } from "http://localhost:8080/client.js"

import { createServer as createHttpServer } from "node:http";
import { createServer } from "turnpike";

const http = createHttpServer((request, response) => {
  // Serves /client.js and the modules that it imports; all else is yours.
  if (turnpike.handleRequest(request, response)) return;
  response.end("Hello from my own program\n");
});

const turnpike = createServer({
  server: http,
  logLevel: "warn",
  // Who may join which room: look into your sessions, your database, a JWT.
  authorize: ({ room, token }) => room !== "staff" || token === process.env.STAFF_TOKEN,
});

const { turn } = await turnpike.start();
http.listen(8080, () => {
  console.log(`signaling on ws://localhost:8080/signal, TURN on UDP port ${turn[0]?.port}`);
});

process.once("SIGINT", async () => {
  await turnpike.close(); // tells members, lets them go, frees the relay
  http.close(); // your server stays yours
});
