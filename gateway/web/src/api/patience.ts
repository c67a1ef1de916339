/**
 * A stream that is silent for longer is dead: of events, the server sends at least a comment every 15 seconds. No
 * shorter for a result: what the server's system has taken is wiped there, and may yet come once the line is back.
 */
export const SILENCE_MILLISECONDS = 40_000;

/** For an answer of one piece, which costs nothing to ask for again. */
const ANSWER_MILLISECONDS = 15_000;

/** `signal`, or the end of the time for a short answer: a line that swallows packets never says so itself. */
export function withTimeLimit(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MILLISECONDS)]);
}

/** A `fetch` for downloads, which may take as long as they like, but not fall silent. */
export const fetchUnlessSilent: typeof fetch = async (input, init) => {
  const request = new Request(input, init);
  const silence = new AbortController();
  let timer = 0;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(
      () => silence.abort(new DOMException("The line is silent.", "TimeoutError")),
      SILENCE_MILLISECONDS,
    );
  };
  heard();
  try {
    const response = await fetch(request, { signal: AbortSignal.any([request.signal, silence.signal]) });
    const listened = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform: (piece, out) => {
        heard();
        out.enqueue(piece);
      },
      flush: () => clearTimeout(timer),
    });
    return new Response(response.body?.pipeThrough(listened) ?? null, response);
  } catch (thrown) {
    clearTimeout(timer);
    throw thrown;
  }
};
