/** A client data connection (RFC 6062): STUN until it is bound, bytes from then on. */

import { ByteEnd } from "./byte-end.ts";
import { openStreamTransport, type StreamTransportOptions } from "./stream-transport.ts";
import { bindConnection } from "./tcp-requests.ts";
import type { TurnAnswer } from "./turn-answer.ts";
import { TurnClient } from "./turn-client.ts";
import type { Credentials } from "./turn-request.ts";

export interface DataConnection {
  readonly client: TurnClient;
  /** Of the bytes. */
  readonly end: ByteEnd;
  bind(id: number | undefined): Promise<TurnAnswer>;
  close(): Promise<void>;
}

export async function openDataConnection(
  options: StreamTransportOptions,
  as: Credentials,
  patienceMs?: number,
): Promise<DataConnection> {
  const transport = await openStreamTransport(options);
  const client = new TurnClient(transport, as, patienceMs);
  return {
    client,
    end: new ByteEnd(transport.socket, (take) => transport.onBytes(take)),
    bind: (id) => bindConnection(client, id),
    close: () => client.close(),
  };
}
