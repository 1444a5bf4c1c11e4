/** A bound for what somebody else has to answer. */

/** What it was about, in a message: scripts are long. */
const MAX_TEXT = 200;

/** Rejects when the promise has not settled in time. */
export async function within<T>(boundMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what.slice(0, MAX_TEXT)}: no answer within ${boundMs} ms`)),
      boundMs,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
