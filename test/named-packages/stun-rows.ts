/** What the package `stun` makes of messages, beside our codec, and what it depends on. */

import { requestedTransportAttribute } from "../../src/stun/attributes.ts";
import { verifyIntegrity } from "../../src/stun/integrity.ts";
import { decodeMessage } from "../../src/stun/message.ts";
import { METHOD, PROTOCOL_UDP } from "../../src/stun/registry.ts";
import { SAMPLE_REQUEST, SHORT_TERM_PASSWORD } from "../vectors/rfc5769.ts";
import { versionFor, versionForUsers } from "./installed.ts";
import { withRelay } from "./relays.ts";
import type { Row, Whose } from "./row.ts";
import { requireStun } from "./stun-package.ts";

const stun = requireStun();
const SECRET = "secret";
const REFUSED = "does not verify: it is encoded again, with other padding";
const PASSED = "verifies: it is encoded again, without the change";

export const STUN_ROWS: readonly Row[] = [
  {
    package: "stun",
    title: "the error code of our server's 401",
    expected: "401",
    stated: "404",
    observe: (whose) =>
      withRelay("ours", async ({ client }) => {
        const answer = await (await client()).ask(METHOD.allocate, [
          requestedTransportAttribute(PROTOCOL_UDP),
        ]);
        if (whose === "ours") return `${answer.errorCode}`;
        const decoded = stun.decode(Buffer.from(answer.message.bytes));
        return `${decoded.getAttribute(stun.constants.STUN_ATTR_ERROR_CODE)?.code}`;
      }),
  },
  {
    package: "stun",
    title: `MESSAGE-INTEGRITY of RFC 5769's sample request (section ${SAMPLE_REQUEST.section})`,
    expected: "verifies",
    stated: REFUSED,
    observe: async (whose) =>
      verifies(whose, SAMPLE_REQUEST.bytes, SHORT_TERM_PASSWORD) ? "verifies" : REFUSED,
  },
  {
    package: "stun",
    title: "MESSAGE-INTEGRITY of a message with one byte changed on the way",
    expected: "does not verify",
    stated: PASSED,
    observe: async (whose) => (verifies(whose, changedMessage(), SECRET) ? PASSED : "does not verify"),
  },
  {
    package: "stun",
    title: "parse-url before 7.0.0 (CVE-2022-2216, critical) among the dependencies",
    expected: "no",
    stated: "yes",
    async observe(whose) {
      const version = whose === "theirs" ? versionFor("stun", "parse-url") : versionForUsers("parse-url");
      return version !== undefined && Number.parseInt(version, 10) < 7 ? "yes" : "no";
    },
  },
];

function verifies(whose: Whose, bytes: Uint8Array, password: string): boolean {
  if (whose === "theirs") return stun.validateMessageIntegrity(stun.decode(Buffer.from(bytes)), password);
  const decoded = decodeMessage(bytes);
  return (
    decoded.ok &&
    verifyIntegrity(decoded.message.bytes, decoded.message.integrityOffset, Buffer.from(password))
  );
}

/** A message that was right when it left; then its SOFTWARE's padding, which the HMAC covers, became another. */
function changedMessage(): Uint8Array {
  const message = stun.createMessage(stun.constants.STUN_BINDING_REQUEST);
  message.addSoftware("abc");
  message.addMessageIntegrity(SECRET);
  const bytes = stun.encode(message);
  bytes.writeUInt8(0x20, bytes.indexOf("abc") + 3);
  return bytes;
}
