import type { Problem } from "./generated";

/** Why a call failed: the last word of a problem's `type`, or `network` where no answer came. */
export type FailureKind = string;

/** A call that failed, with what the page needs to say so. */
export class Failure extends Error {
  constructor(
    readonly kind: FailureKind,
    /** The server's own sentence, in English; empty where no answer came. */
    readonly detail: string = "",
    /** Seconds to wait before trying again, where the server said so. */
    readonly retryAfter: number | null = null,
    readonly requestId: string | null = null,
  ) {
    super(`${kind}: ${detail}`);
    this.name = "Failure";
  }
}

/** Whatever was thrown, as a failure; an abort stays what it is. */
export function asFailure(thrown: unknown): Failure {
  return thrown instanceof Failure ? thrown : new Failure("network");
}

export function isAbort(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "AbortError";
}

/** Asking again may help against these, and against whatever comes with a time to wait, such as each 429 and 503. */
const PASSING = new Set(["network", "unexpected-answer"]);

/** Whether it says nothing of the task that was asked for, so that asking again may help. */
export function isPassing(thrown: unknown): boolean {
  return thrown instanceof Failure && (PASSING.has(thrown.kind) || thrown.retryAfter !== null);
}

/** What the generated client says of a call that did not succeed. */
export function failureOf(error: unknown, response: Response | undefined): Failure {
  if (response === undefined) {
    return asFailure(error);
  }
  if (isProblem(error)) {
    const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
    return new Failure(kindOf(error.type), error.detail, Number.isFinite(seconds) ? seconds : null, error.request_id);
  }
  // A proxy in between has answered, which knows nothing of problems.
  return new Failure(response.status === 413 ? "file-too-large" : "unexpected-answer", `HTTP ${response.status}`);
}

/** `urn:limner:problem:file-too-large` is `file-too-large`. */
export function kindOf(type: string): FailureKind {
  return type.slice(type.lastIndexOf(":") + 1);
}

function isProblem(error: unknown): error is Problem {
  return typeof error === "object" && error !== null && "type" in error && "detail" in error;
}
