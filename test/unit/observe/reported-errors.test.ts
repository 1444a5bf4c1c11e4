import { describe, expect, test } from "vitest";
import { describeErrors } from "../../../src/observe/reported-errors.ts";

const URL_OF_TURN = "turn:call.example.com:3478?transport=udp";
const TIMED_OUT = { code: 701, url: URL_OF_TURN, text: "TURN allocate request timed out." };

describe("errors of a call report, for the log", () => {
  test("keep code, url and text as browsers write them", () => {
    const errors = [
      TIMED_OUT,
      { code: 701, url: "stun:[2001:db8::1]:3478", text: "STUN host lookup received error." },
      { code: 401, url: "turns:192.0.2.1?transport=tcp", text: "Unauthorized" },
    ];
    expect(describeErrors(errors)).toEqual({ errors });
  });

  test("are left out when there are none", () => {
    expect(describeErrors(undefined)).toEqual({});
    expect(describeErrors([])).toEqual({});
  });

  test("that repeat are one; of many different ones some are kept, and the rest counted", () => {
    expect(describeErrors([TIMED_OUT, { ...TIMED_OUT }])).toEqual({ errors: [TIMED_OUT] });
    const many = Array.from({ length: 16 }, (_, index) => ({ ...TIMED_OUT, code: 300 + index }));
    const { errors = [], moreErrors = 0 } = describeErrors(many);
    expect(errors).toEqual(many.slice(0, errors.length));
    expect(moreErrors).toBeGreaterThan(0);
    expect(errors.length + moreErrors).toBe(many.length);
  });

  test.each([
    "v=0\r\no=- 1 1 IN IP4 203.0.113.1",
    "a=ice-pwd:abc",
    "1800003600:r.Jm5wXc8RtYqL1aZo.V0aHs7kPq2NdE4uB",
    "sent 3LJ8mX4yPq0s5nVbT1cWzR7kDfE=",
    "{json}",
    "",
    "word ".repeat(100),
    "word ".repeat(30).trim(),
  ])("keep the code alone of what is no browser's sentence: %j", (text) => {
    expect(describeErrors([{ ...TIMED_OUT, text }])).toEqual({ errors: [{ code: 701, url: URL_OF_TURN }] });
  });

  test.each(["turn:user:password@call.example.com", "https://call.example.com/?token=x", "turn:a b", ""])(
    "leave out a url that names more than an ICE server: %j",
    (url) => {
      const { code, text } = TIMED_OUT;
      expect(describeErrors([{ ...TIMED_OUT, url }])).toEqual({ errors: [{ code, text }] });
    },
  );
});
