/** A client data connection (RFC 6062): STUN until it is bound, bytes from then on. */

import { ByteEnd } from "./byte-end.ts";
import { openStreamTransport, type StreamTransportOptions } from "./stream-transport.ts";
import { bindConnection } from "./tcp-requests.ts";
import type { TurnAnswer } from "./turn-answer.ts";
import { TurnClient } from "./turn-client.ts";

export interface DataConnection {
  readonly client: TurnClient;
  /** Of the bytes. */
  readonly end: ByteEnd;
  /** Tried again with a nonce for this connection, where the control connection's is not good for it. */
  bind(id: number | undefined): Promise<TurnAnswer>;
  close(): Promise<void>;
}

const STALE_NONCE = 438;

/** Beside this control connection. */
export async function openDataConnection(
  options: StreamTransportOptions,
  control: TurnClient,
  patienceMs?: number,
): Promise<DataConnection> {
  const transport = await openStreamTransport(options);
  const client = new TurnClient(transport, control.credentials, patienceMs);
  client.learnFrom(control);
  return {
    client,
    end: new ByteEnd(transport.socket, (take) => transport.onBytes(take)),
    async bind(id) {
      const answer = await bindConnection(client, id);
      return answer.errorCode === STALE_NONCE ? bindConnection(client, id) : answer;
    },
    close: () => client.close(),
  };
}
