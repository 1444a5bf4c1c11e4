/** ICE server errors (701 and so on) as a client reports them, made fit for a log: a client may write anything there. */

import type { CallReport } from "../signaling/protocol.ts";

type ReportedError = NonNullable<CallReport["errors"]>[number];

/** A browser reports the same error once per network interface; this many different ones are logged. */
const MAX_LOGGED = 4;
const MAX_TEXT_LENGTH = 120;

/** The URL of an ICE server and nothing else. */
const ICE_URL =
  /^(?:stun|turn)s?:(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::\d{1,5})?(?:\?transport=(?:udp|tcp))?$/;
/** A browser's sentence: short words on one line, so no SDP, and no username or credential that we give out. */
const SENTENCE = /^[A-Za-z0-9.,:;'"()/-]{1,20}(?: [A-Za-z0-9.,:;'"()/-]{1,20})*$/;

export interface LoggedErrors {
  readonly errors?: readonly object[];
  /** Different errors that are not among `errors`. */
  readonly moreErrors?: number;
}

export function describeErrors(reported: readonly ReportedError[] = []): LoggedErrors {
  const different = new Map(reported.map((error) => [JSON.stringify(error), error]));
  if (different.size === 0) return {};
  const errors = [...different.values()].slice(0, MAX_LOGGED).map(describeError);
  const more = different.size - errors.length;
  return more === 0 ? { errors } : { errors, moreErrors: more };
}

function describeError({ code, url, text }: ReportedError): object {
  return {
    code,
    ...(ICE_URL.test(url) && { url }),
    ...(text.length <= MAX_TEXT_LENGTH && SENTENCE.test(text) && { text }),
  };
}
