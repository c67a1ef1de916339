import { useEffect, useRef, useState } from "react";
import { asFailure, isAbort } from "./failure";
import { type ResultState, runTask, type TaskCalls, type TaskPhase } from "./task";

const BEGIN = { name: "sending", sent: 0 } as const;

/**
 * Runs a task for as long as the component is there. Whoever leaves, the component or the page, cancels the work and
 * has what is left of it wiped.
 *
 * @param calls a new object begins a new task.
 * @returns how far it is.
 */
export function useTask<State extends ResultState>(calls: TaskCalls<State>): TaskPhase<State> {
  const [phase, setPhase] = useState<TaskPhase<State>>(BEGIN);
  useEffect(() => {
    const leaving = new AbortController();
    let remove: (() => void) | null = null;
    setPhase(BEGIN);
    const begin = async () => {
      try {
        await runTask(calls, {
          signal: leaving.signal,
          onPhase: (next) => {
            if (!leaving.signal.aborted) {
              setPhase(next);
            }
          },
          onId: (id) => {
            remove = () => void calls.remove(id).catch(() => undefined); // it expires by itself
            if (leaving.signal.aborted) {
              remove(); // the server had taken it already
            }
          },
        });
        remove = null; // fetched, and so wiped
      } catch (thrown) {
        if (!leaving.signal.aborted && !isAbort(thrown)) {
          setPhase({ name: "failed", failure: asFailure(thrown) });
        }
      }
    };
    const leave = () => {
      leaving.abort();
      remove?.();
      remove = null;
    };
    const pagehide = (event: PageTransitionEvent) => {
      if (!event.persisted) {
        leave();
      }
    };
    const timer = setTimeout(() => void begin()); // after React's rehearsal of effects
    addEventListener("pagehide", pagehide);
    return () => {
      clearTimeout(timer);
      removeEventListener("pagehide", pagehide);
      leave();
    };
  }, [calls]);
  return phase;
}

/** Have the browser ask before the page is left, while `wanted`. */
export function useLeaveGuard(wanted: boolean): void {
  const guarded = useRef(wanted);
  guarded.current = wanted;
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => {
      if (guarded.current) {
        event.preventDefault();
      }
    };
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, []);
}
