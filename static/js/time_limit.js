// The time limit of a request.

/** A signal that aborts after this time. Browsers have AbortSignal.timeout only since 2022. */
export function timeLimit(milliseconds) {
  const limit = new AbortController();
  setTimeout(() => limit.abort(), milliseconds); // of no effect if the request is done
  return limit.signal;
}
