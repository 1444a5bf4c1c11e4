/**
 * Every rule that Debian's coturn does not pass, with the sentence that decides. The page is not written while one is missing
 * here, or here and passed.
 * - breaks: an RFC says otherwise
 * - open: the RFCs leave it open, or let it be as coturn does it; the rule asks more
 */

export interface Difference {
  readonly kind: "breaks" | "open";
  /** What coturn does. */
  readonly does: string;
  readonly sentence: string;
  readonly section: string;
}

type Sentence = Pick<Difference, "sentence" | "section">;

const UNAUTHENTICATED: Sentence = {
  sentence:
    "If the value of the USERNAME or USERHASH attribute is not valid, the server MUST generate an error response with an error code of 401 (Unauthenticated).",
  section: "RFC 8489 section 9.2.4",
};
const INTEGRITY: Sentence = {
  sentence:
    "In that case, the MESSAGE-INTEGRITY attribute MUST be used instead of the MESSAGE-INTEGRITY-SHA256 attribute",
  section: "RFC 8489 section 9.2.4, of any response to an authenticated request",
};
const SOFTWARE: Sentence = {
  sentence:
    "The server SHOULD include the SOFTWARE attribute in all Allocate and Refresh responses (either success or failure) and MAY include it in other responses or indications.",
  section: "RFC 8656 section 5",
};
const ALGORITHMS: Sentence = {
  sentence: "The server MAY support alternate password algorithms",
  section: "RFC 8489 section 9.2.4",
};
const PROTOCOL: Sentence = {
  sentence:
    "if the attribute is included but specifies a protocol that is not supported by the server, the server rejects the request with a 442 (Unsupported Transport Protocol) error.",
  section: "RFC 8656 section 7.2, step 3",
};
const TOKEN: Sentence = {
  sentence:
    "If the token is not valid for some reason, the server rejects the request with a 508 (Insufficient Capacity) error.",
  section: "RFC 8656 section 7.2, step 5",
};
const DELETED: Sentence = {
  sentence: 'If the "desired lifetime" is zero, then the request succeeds and the allocation is deleted.',
  section: "RFC 8656 section 8.2",
};
const INVALID_PEER: Sentence = {
  sentence: "if any of these attributes are invalid, then a 400 (Bad Request) error is returned.",
  section: "RFC 8656 section 10.2",
};
const MALFORMED: Sentence = {
  sentence: "400 Bad Request: The request was malformed.",
  section: "RFC 8489 section 14.8; no sentence says it of this attribute",
};
const CONNECTION_ID: Sentence = {
  sentence:
    "If the request does not contain the CONNECTION-ID attribute, or if this attribute does not refer to an existing pending connection, the server MUST return a 400 (Bad Request) error.",
  section: "RFC 6062 section 5.4",
};
const REFLECTION: Sentence = {
  sentence:
    "there is a small increase in the amount of data, since STUN responses are typically larger than requests.",
  section: "RFC 8489 section 16.1.2; how small is for the server to say",
};

const NO_ALGORITHMS = "offers no PASSWORD-ALGORITHMS, and answers 401 to MESSAGE-INTEGRITY-SHA256";
const BOUND_NAME = "ties a 5-tuple to the first USERNAME that came on it, proven or not: 437 to the next one";
const UNANSWERED = "does not answer such a ConnectionBind";
const LINGERS =
  "keeps the allocation for a second or more after Refresh(0), and a Refresh in that time revives it";
const FIGURE =
  "adds to the answer of a Binding request: MAPPED-ADDRESS, RESPONSE-ORIGIN, OTHER-ADDRESS and SOFTWARE";
const VERSION = "adds SOFTWARE";

const bothFamilies: Difference = {
  kind: "breaks",
  does: "passes over ADDITIONAL-ADDRESS-FAMILY: it knows only the number 0x8032 of the drafts",
  sentence:
    "If the server can fully meet the request, then the server allocates one IPv4 and one IPv6 relay address",
  section: "RFC 8656 section 7.2, step 9",
};
const noAlgorithms: Difference = { kind: "open", does: NO_ALGORITHMS, ...ALGORITHMS };

export const COTURN_DIFFERENCES: ReadonlyMap<string, Difference> = new Map<string, Difference>([
  [
    "unknown-method-silent",
    {
      kind: "breaks",
      does: "asks for credentials whatever the method: 401",
      sentence:
        "It checks […] that the method value is a supported method. […] If any errors are detected, the message is silently discarded.",
      section: "RFC 8489 section 6.3",
    },
  ],
  ["challenge-minimal", { kind: "open", does: VERSION, ...SOFTWARE }],
  ["wrong-password", { kind: "open", does: VERSION, ...SOFTWARE }],
  ["unknown-user", { kind: "breaks", does: BOUND_NAME, ...UNAUTHENTICATED }],
  ["inherited-names", { kind: "breaks", does: BOUND_NAME, ...UNAUTHENTICATED }],
  [
    "wrong-realm",
    {
      kind: "breaks",
      does: "answers another realm with 437",
      sentence:
        "If the resulting value does not match the contents of the MESSAGE-INTEGRITY attribute […] This response MUST use an error code of 401 (Unauthenticated).",
      section: "RFC 8489 section 9.2.4",
    },
  ],
  ["missing-attributes", { kind: "open", does: VERSION, ...SOFTWARE }],
  [
    "integrity-on-answers",
    {
      kind: "breaks",
      does: "puts no MESSAGE-INTEGRITY into the 437 to a second Allocate, and answers 400 where 442 should come",
      ...INTEGRITY,
    },
  ],
  [
    "behind-integrity-ignored",
    {
      kind: "breaks",
      does: "reads a REQUESTED-TRANSPORT that stands behind MESSAGE-INTEGRITY",
      sentence:
        "With the exception of the FINGERPRINT attribute, which appears after MESSAGE-INTEGRITY, agents MUST ignore all other attributes that follow MESSAGE-INTEGRITY.",
      section: "RFC 5389 section 15.4",
    },
  ],
  ["password-algorithms-offered", noAlgorithms],
  ["sha256-on-answers", noAlgorithms],
  ["md5-chosen", noAlgorithms],
  [
    "no-algorithm-chosen",
    {
      kind: "breaks",
      does: "answers 401 to a client of MD5 that sends MESSAGE-INTEGRITY-SHA256 alone",
      sentence:
        "If the MESSAGE-INTEGRITY-SHA256 attribute is present, compute the value for the message integrity as described in Section 14.6",
      section: "RFC 8489 section 9.2.4",
    },
  ],
  ["password-algorithms-bid-down", noAlgorithms],
  ["sha256-wrong-key", noAlgorithms],
  ["sha256-truncated", noAlgorithms],
  ["behind-sha256-ignored", noAlgorithms],
  [
    "userhash",
    {
      kind: "open",
      does: "knows no USERHASH",
      sentence: "The server MAY support anonymous username",
      section: "RFC 8489 section 9.2.4",
    },
  ],
  ["sha256-and-md5-side-by-side", noAlgorithms],
  [
    "allocate-other-protocol",
    { kind: "breaks", does: "answers 400 to protocols 1, 132 and 255", ...PROTOCOL },
  ],
  ["allocate-protocol-zero", { kind: "breaks", does: "answers 400 to protocol 0", ...PROTOCOL }],
  ["allocate-starts-empty", { kind: "breaks", does: LINGERS, ...DELETED }],
  ["dual-allocation", bothFamilies],
  ["dual-channels", bothFamilies],
  ["dual-permissions-apart", bothFamilies],
  ["dual-wrong-request", bothFamilies],
  ["dual-even-port", bothFamilies],
  ["dual-retransmission", bothFamilies],
  ["dual-refresh-zero-one", bothFamilies],
  ["dual-refresh-zero-both", bothFamilies],
  ["family-unknown", { kind: "open", does: "answers 440 to an attribute of one byte", ...MALFORMED }],
  ["even-port-malformed", { kind: "open", does: "takes EVEN-PORT of 0, 2 and 4 bytes", ...MALFORMED }],
  ["reservation-once", { kind: "breaks", does: "answers 404 to the second use", ...TOKEN }],
  [
    "reservation-unknown",
    { kind: "breaks", does: "takes a token of eight zeros for none; another one gets 404", ...TOKEN },
  ],
  [
    "reservation-of-another",
    {
      kind: "open",
      does: "gives the port to whoever brings the token",
      sentence:
        "Note that the reservation is a server-wide reservation and is not specific to a particular allocation",
      section: "RFC 8656 section 7.2",
    },
  ],
  ["refresh-zero", { kind: "breaks", does: LINGERS, ...DELETED }],
  ["refresh-zero-frees-port", { kind: "breaks", does: LINGERS, ...DELETED }],
  [
    "no-allocation",
    {
      kind: "breaks",
      does: "answers 400 to CreatePermission and ChannelBind",
      sentence:
        "if the 5-tuple does not identify an existing allocation, then the message MUST either be rejected with a 437 Allocation Mismatch error (if it is a request) or be silently ignored",
      section: "RFC 8656 section 5",
    },
  ],
  ["wrong-credentials", { kind: "breaks", does: "puts no MESSAGE-INTEGRITY into 441", ...INTEGRITY }],
  ["permission-none", { kind: "breaks", does: "passes over a malformed XOR-PEER-ADDRESS", ...INVALID_PEER }],
  ["permission-order", { kind: "breaks", does: "passes over a malformed XOR-PEER-ADDRESS", ...INVALID_PEER }],
  ["channel-incomplete", { kind: "open", does: "takes a CHANNEL-NUMBER of two bytes", ...MALFORMED }],
  ["send-and-data", { kind: "open", does: "adds SOFTWARE to Data indications", ...SOFTWARE }],
  ["client-to-client-ends", { kind: "breaks", does: LINGERS, ...DELETED }],
  [
    "tcp-connect-without-allocation",
    {
      kind: "breaks",
      does: "answers 403",
      sentence:
        "If the request is received on a TCP connection for which no allocation exists, the server MUST return a 437 (Allocation Mismatch) error.",
      section: "RFC 6062 section 5.2",
    },
  ],
  ["tcp-bind-unknown", { kind: "breaks", does: UNANSWERED, ...CONNECTION_ID }],
  ["tcp-bind-once", { kind: "breaks", does: UNANSWERED, ...CONNECTION_ID }],
  [
    "tcp-bind-of-another",
    {
      kind: "open",
      does: UNANSWERED,
      sentence:
        "441 (Wrong Credentials): The credentials in the (non-Allocate) request do not match those used to create the allocation.",
      section: "RFC 8656 section 19; RFC 6062 does not say it of ConnectionBind",
    },
  ],
  [
    "tcp-half-closed",
    {
      kind: "open",
      does: "closes both connections when one direction of one of them ends",
      sentence:
        "When a client data connection is closed, the server MUST close the corresponding peer data connection.",
      section: "RFC 6062 section 5.5, which does not speak of half of it",
    },
  ],
  ["reflection-ipv4", { kind: "open", does: FIGURE, ...REFLECTION }],
  ["reflection-ipv6", { kind: "open", does: FIGURE, ...REFLECTION }],
  [
    "reserved-bits-of-channel-bind",
    {
      kind: "breaks",
      does: "answers 400 to an XOR-PEER-ADDRESS whose first byte is not 0",
      sentence: "The first 8 bits of the MAPPED-ADDRESS MUST be set to 0 and MUST be ignored by receivers.",
      section: "RFC 8489 section 14.1; of XOR addresses too, by section 14.2",
    },
  ],
  [
    "unexpected-ignored",
    {
      kind: "breaks",
      does: "answers 420 to a request with an attribute of answers, MAPPED-ADDRESS or ERROR-CODE say",
      sentence: "Known-but-unexpected attributes SHOULD be ignored by the agent.",
      section: "RFC 8489 section 6.3",
    },
  ],
  [
    "garbage-silent",
    {
      kind: "breaks",
      does: "answers a Binding request with an attribute that runs over its end; and one with another magic cookie, as RFC 3489 had it",
      sentence:
        "It checks […] that the Magic Cookie field has the correct value, that the message length is sensible […] If any errors are detected, the message is silently discarded.",
      section: "RFC 8489 section 6.3",
    },
  ],
]);
