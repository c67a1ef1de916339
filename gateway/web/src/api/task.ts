import { Failure, isAbort, isPassing } from "./failure";
import { withTimeLimit } from "./patience";
import { type EventOptions, pause, type TaskState, watch } from "./watch";

/** What a task says of itself, and its result. */
export interface ResultState extends TaskState {
  expires_at: string | null;
  error_type: string | null;
  error_message: string | null;
}

/** The calls that a task is made of: generated ones, of a photo or of a batch. */
export interface TaskCalls<State extends ResultState> {
  /** Sends the file; gives the id of the task. */
  submit: (signal: AbortSignal, onSent: (part: number) => void) => Promise<string>;
  events: (id: string, options: EventOptions) => Promise<{ stream: AsyncIterable<unknown> }>;
  status: (id: string, signal: AbortSignal) => Promise<State>;
  /** Fetches the result, which the server then wipes. */
  fetch: (id: string, signal: AbortSignal) => Promise<FetchedResult>;
  /** Cancels, or wipes the result; goes on when the page is left. */
  remove: (id: string) => Promise<unknown>;
}

export interface FetchedResult {
  blob: Blob;
  /** The header `Content-Disposition`, with a name for the file. */
  disposition: string | null;
}

/** How far a task is. */
export type TaskPhase<State extends ResultState> =
  | { name: "sending"; sent: number }
  | { name: "working"; state: State | null; connected: boolean }
  | { name: "fetching"; state: State; connected: boolean }
  | { name: "done"; state: State; result: FetchedResult }
  | { name: "failed"; failure: Failure };

interface Progress<State extends ResultState> {
  signal: AbortSignal;
  onPhase: (phase: TaskPhase<State>) => void;
  onId: (id: string) => void;
}

const FIRST_WAIT_MILLISECONDS = 1_000;
const LONGEST_WAIT_MILLISECONDS = 8_000;

/**
 * Send a file, follow the task to its end and fetch the result at once: on the server it waits for minutes only.
 *
 * @throws Failure whatever went wrong for good; DOMException `AbortError` once `signal` says so.
 */
export async function runTask<State extends ResultState>(
  calls: TaskCalls<State>,
  { signal, onPhase, onId }: Progress<State>,
): Promise<void> {
  onPhase({ name: "sending", sent: 0 });
  const id = await calls.submit(signal, (sent) => onPhase({ name: "sending", sent }));
  onId(id);
  const working: { state: State | null; connected: boolean } = { state: null, connected: true };
  const tell = (changed: Partial<typeof working>) => {
    Object.assign(working, changed);
    onPhase({ name: "working", ...working });
  };
  tell({});
  const state = await watch<State>({
    events: (options) => calls.events(id, options),
    status: (stop) => calls.status(id, withTimeLimit(stop)),
    onState: (next) => tell({ state: next }),
    onConnected: (connected) => connected !== working.connected && tell({ connected }),
    signal,
  });
  if (state.status === "failed") {
    throw new Failure(state.error_type ?? "internal-error", state.error_message ?? "");
  }
  onPhase({ name: "fetching", state, connected: true });
  const result = await fetchWithPatience(calls, id, signal, () =>
    onPhase({ name: "fetching", state, connected: false }),
  );
  onPhase({ name: "done", state, result });
}

/** A connection that breaks costs nothing: the server then keeps the result for another try. */
async function fetchWithPatience<State extends ResultState>(
  calls: TaskCalls<State>,
  id: string,
  signal: AbortSignal,
  onLost: () => void,
): Promise<FetchedResult> {
  for (let wait = FIRST_WAIT_MILLISECONDS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MILLISECONDS)) {
    try {
      return await calls.fetch(id, signal);
    } catch (thrown) {
      if (!(thrown instanceof Failure) || !(await stillThere(calls, id, signal, thrown))) {
        throw thrown;
      }
    }
    onLost();
    await pause(wait, signal);
  }
}

/** Whether to try again. The server may say `gone` while it has yet to notice that the last try broke off. */
async function stillThere<State extends ResultState>(
  calls: TaskCalls<State>,
  id: string,
  signal: AbortSignal,
  failure: Failure,
): Promise<boolean> {
  if (failure.kind !== "gone") {
    return isPassing(failure);
  }
  try {
    return (await calls.status(id, withTimeLimit(signal))).status === "completed";
  } catch (thrown) {
    if (isAbort(thrown)) {
      throw thrown;
    }
    return isPassing(thrown);
  }
}
