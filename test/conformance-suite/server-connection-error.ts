import { formatTransportAddress, type TransportAddress } from "../../src/stun/address.ts";

/** No way to the server, and why, in one line. */
export class ServerConnectionError extends Error {
  constructor(server: TransportAddress, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`no connection to ${formatTransportAddress(server)}: ${why}${adviceFor(cause)}`, { cause });
    this.name = "ServerConnectionError";
  }
}

/** Of certificates that do not verify. */
function adviceFor(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return " (--servername NAME)";
  return /SELF_SIGNED|UNABLE_TO_|CERT_/.test(code) ? " (--ca FILE, or --insecure)" : "";
}
