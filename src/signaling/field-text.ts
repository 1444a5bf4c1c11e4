/**
 * The JSON text of one field, cut out of the message that it came in, so that forwarding it costs no re-encoding. Only where the text
 * can mean nothing else to anybody: a string, a literal, or an object of such, without a member twice.
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const CLOSING_BRACE = 0x7d;
const OPENING_BRACE = 0x7b;

/**
 * `json` is an object that JSON.parse has read, of `members` different members; the field, where it is an object, has `fieldMembers`.
 * Undefined: it must be encoded anew.
 */
export function fieldText(
  json: string,
  field: string,
  members: number,
  fieldMembers: number,
): string | undefined {
  let seen = 0;
  let fieldStart = -1;
  let fieldEnd = -1;
  for (let at = skipSpace(json, skipSpace(json, 0) + 1); json.charCodeAt(at) === QUOTE; seen++) {
    const keyEnd = stringEnd(json, at);
    const isField = keyEnd - at - 2 === field.length && json.startsWith(field, at + 1);
    const start = valueStart(json, keyEnd);
    const end = isField ? valueEnd(json, start, fieldMembers) : scalarEnd(json, start);
    if (end < 0) return undefined;
    if (isField) {
      fieldStart = start;
      fieldEnd = end;
    }
    at = nextMember(json, end);
  }
  // A member that is there twice, perhaps with its name written in two ways, makes one too many.
  return seen === members && fieldStart >= 0 ? json.slice(fieldStart, fieldEnd) : undefined;
}

/** Behind a value; negative: it must be encoded anew. */
function valueEnd(json: string, start: number, members: number): number {
  if (json.charCodeAt(start) !== OPENING_BRACE) return scalarEnd(json, start);
  let seen = 0;
  let at = skipSpace(json, start + 1);
  for (; json.charCodeAt(at) === QUOTE; seen++) {
    const end = scalarEnd(json, valueStart(json, stringEnd(json, at)));
    if (end < 0) return -1;
    at = nextMember(json, end);
  }
  return seen === members && json.charCodeAt(at) === CLOSING_BRACE ? at + 1 : -1;
}

/** Of numbers only digits: JSON.stringify writes -0, fractions and exponents in its own way. */
function scalarEnd(json: string, start: number): number {
  const first = json.charCodeAt(start);
  if (first === QUOTE) return stringEnd(json, start);
  let end = start;
  if (isDigit(first)) while (isDigit(json.charCodeAt(end))) end++;
  else while (isLetter(json.charCodeAt(end))) end++;
  return end > start && endsHere(json.charCodeAt(end)) ? end : -1;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Of true, false and null. */
function isLetter(code: number): boolean {
  return code >= 0x61 && code <= 0x7a;
}

function endsHere(code: number): boolean {
  return code === COMMA || code === CLOSING_BRACE || code <= 0x20;
}

/** Behind the closing quote. */
function stringEnd(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  while (isEscaped(json, end)) end = json.indexOf('"', end + 1);
  return end + 1;
}

function isEscaped(json: string, at: number): boolean {
  let backslashes = 0;
  while (json.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}

/** Behind the colon. */
function valueStart(json: string, keyEnd: number): number {
  return skipSpace(json, skipSpace(json, keyEnd) + 1);
}

function nextMember(json: string, valueEnd: number): number {
  const at = skipSpace(json, valueEnd);
  return json.charCodeAt(at) === COMMA ? skipSpace(json, at + 1) : at;
}

function skipSpace(json: string, start: number): number {
  let at = start;
  while (json.charCodeAt(at) <= 0x20) at++;
  return at;
}
