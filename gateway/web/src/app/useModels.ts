import { useCallback, useEffect, useState } from "react";
import { presentKey, settle } from "../api/client";
import { asFailure, type Failure, isAbort } from "../api/failure";
import { models as askModels, type ModelList } from "../api/generated";

export type ModelsState =
  | { phase: "asking" }
  | { phase: "known"; models: ModelList }
  /** The server wants a key; `wrong` once one was given. */
  | { phase: "locked"; wrong: boolean }
  | { phase: "unknown"; failure: Failure };

/** The models may be about to start: then they are asked for again. */
const AGAIN_MILLISECONDS = 10_000;

/** Which models are at work; the first call that shows whether a key is needed. */
export function useModels(): [ModelsState, (key: string) => void] {
  const [state, setState] = useState<ModelsState>({ phase: "asking" });
  const [attempt, setAttempt] = useState<{ key: string | null }>({ key: null });
  useEffect(() => {
    const leaving = new AbortController();
    let timer = 0;
    presentKey(attempt.key);
    settle(askModels({ signal: leaving.signal }))
      .then(({ data }) => setState({ phase: "known", models: data }))
      .catch((thrown: unknown) => {
        if (!isAbort(thrown)) {
          const next = stateAfter(asFailure(thrown), attempt.key !== null);
          setState(next);
          if (next.phase === "unknown") {
            timer = setTimeout(() => setAttempt(({ key }) => ({ key })), AGAIN_MILLISECONDS);
          }
        }
      });
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [attempt]);
  const unlock = useCallback((key: string) => setAttempt({ key }), []);
  return [state, unlock];
}

function stateAfter(failure: Failure, keyGiven: boolean): ModelsState {
  const locked = failure.kind === "unauthorized" || failure.kind === "forbidden";
  return locked ? { phase: "locked", wrong: keyGiven } : { phase: "unknown", failure };
}
