import { isAbort, isPassing } from "./failure";
import { SILENCE_MILLISECONDS } from "./patience";

/** What both kinds of tasks say of themselves. */
export interface TaskState {
  status: "pending" | "processing" | "completed" | "failed" | "cleaned";
}

interface ServerEvent {
  event?: string;
  data: unknown;
}

export interface EventOptions {
  signal: AbortSignal;
  onSseEvent: (event: ServerEvent) => void;
  sseMaxRetryAttempts: number;
}

/** What there is to watch, and who is told. */
export interface Watched<State extends TaskState> {
  /** Opens the events of the task: a call of the generated client. */
  events: (options: EventOptions) => Promise<{ stream: AsyncIterable<unknown> }>;
  /** Asks for the state once, and not for ever. */
  status: (signal: AbortSignal) => Promise<State>;
  onState: (state: State) => void;
  /** False while the connection is lost, true once it is back. */
  onConnected: (connected: boolean) => void;
  signal: AbortSignal;
}

const FIRST_WAIT_MILLISECONDS = 500;
const LONGEST_WAIT_MILLISECONDS = 8_000;

const FINISHED = new Set<TaskState["status"]>(["completed", "failed", "cleaned"]);

/**
 * Follow a task to its end. Where the connection breaks, the state is read and the events are opened again, for as
 * long as it takes.
 *
 * @returns the last state: completed, failed or cleaned.
 * @throws Failure the server knows nothing of the task; DOMException `AbortError` once `signal` says so.
 */
export async function watch<State extends TaskState>(task: Watched<State>): Promise<State> {
  let wait = FIRST_WAIT_MILLISECONDS;
  while (true) {
    const { heard, last } = await follow(task);
    const state = last ?? (await readAgain(task));
    task.signal.throwIfAborted();
    if (heard) {
      wait = FIRST_WAIT_MILLISECONDS; // where events never come, asking has to do, and not too often
    }
    if (state !== null) {
      task.onConnected(true);
      task.onState(state);
      if (FINISHED.has(state.status)) {
        return state;
      }
    } else {
      task.onConnected(false);
    }
    await pause(wait, task.signal);
    wait = Math.min(2 * wait, LONGEST_WAIT_MILLISECONDS);
  }
}

/** Tell of events until the stream ends; gives whether there were any, and the last state if that was the end. */
async function follow<State extends TaskState>(task: Watched<State>): Promise<{ heard: boolean; last: State | null }> {
  const patience = new AbortController();
  let timer = 0;
  const seen: { heard: boolean; last: State | null } = { heard: false, last: null };
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => patience.abort(), SILENCE_MILLISECONDS);
  };
  heard();
  try {
    const { stream } = await task.events({
      signal: AbortSignal.any([task.signal, patience.signal]),
      sseMaxRetryAttempts: 1,
      onSseEvent: ({ event, data }) => {
        heard();
        seen.heard = true;
        task.onConnected(true);
        if ((event === "progress" || event === "done") && isState<State>(data)) {
          seen.last = data;
          if (event === "progress") {
            task.onState(data);
          }
        }
      },
    });
    for await (const _ of stream) {
      // Each event has been told already: of some, only the callback knows the name.
    }
  } catch (thrown) {
    if (!isAbort(thrown) && !(thrown instanceof TypeError)) {
      throw thrown;
    }
  } finally {
    clearTimeout(timer);
  }
  return { heard: seen.heard, last: seen.last !== null && FINISHED.has(seen.last.status) ? seen.last : null };
}

async function readAgain<State extends TaskState>(task: Watched<State>): Promise<State | null> {
  try {
    return await task.status(task.signal);
  } catch (thrown) {
    if (isPassing(thrown)) {
      return null;
    }
    throw thrown;
  }
}

function isState<State extends TaskState>(data: unknown): data is State {
  return typeof data === "object" && data !== null && "status" in data && typeof data.status === "string";
}

/** Wait, but not past the moment when the browser says that it is online again. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const timer = setTimeout(end, milliseconds);
    function end() {
      clearTimeout(timer);
      over.abort();
      resolve();
    }
    addEventListener("online", end, { signal: over.signal });
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        over.abort();
        reject(signal.reason);
      },
      { signal: over.signal },
    );
  });
}
