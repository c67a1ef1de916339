import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Failure } from "./failure";
import { fetchUnlessSilent, SILENCE_MILLISECONDS } from "./patience";
import { type FetchedResult, type ResultState, runTask, type TaskCalls, type TaskPhase } from "./task";

const PROCESSING: ResultState = { status: "processing", expires_at: null, error_type: null, error_message: null };
const COMPLETED: ResultState = { ...PROCESSING, status: "completed" };
const RESULT: FetchedResult = { blob: new Blob(["photo"]), disposition: null };

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("addEventListener", () => undefined);
  vi.spyOn(AbortSignal, "timeout").mockImplementation((milliseconds) => {
    const over = new AbortController();
    setTimeout(() => over.abort(new DOMException("", "TimeoutError")), milliseconds);
    return over.signal;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

type Answer<Told> = Told | Failure | "silence";

/** What a call gives whose answers are given, in order; after them, the last one. */
function answering<Told>(answers: Answer<Told>[]) {
  return async (_: string, signal: AbortSignal): Promise<Told> => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer === "silence") {
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Failure("network"))));
    }
    if (answer === undefined || answer instanceof Failure) {
      throw answer;
    }
    return answer;
  };
}

/** Runs a task whose events never come; the names of its phases. */
async function run(statuses: Answer<ResultState>[], results: Answer<FetchedResult>[]): Promise<string[]> {
  const calls: TaskCalls<ResultState> = {
    submit: async () => "id",
    events: async () => ({ stream: (async function* () {})() }),
    status: answering(statuses),
    fetch: answering(results),
    remove: async () => undefined,
  };
  const seen: string[] = [];
  const onPhase = (phase: TaskPhase<ResultState>) => {
    const name = "connected" in phase && !phase.connected ? `${phase.name}, lost` : phase.name;
    if (name !== seen.at(-1)) {
      seen.push(name);
    }
  };
  const end = runTask(calls, { signal: new AbortController().signal, onPhase, onId: () => undefined });
  const settled = Promise.allSettled([end]);
  await vi.advanceTimersByTimeAsync(120_000);
  const [outcome] = await settled;
  return outcome.status === "fulfilled" ? seen : [...seen, String(outcome.reason)];
}

test.each(["server-unreachable", "quota-exceeded"])("%s, which a proxy says, does not end a task", async (kind) => {
  const busy = () => new Failure(kind, "", 5);
  expect(await run([busy(), PROCESSING, busy(), COMPLETED], [busy(), RESULT])).toEqual([
    "sending",
    "working",
    "working, lost",
    "working",
    "working, lost",
    "working",
    "fetching",
    "fetching, lost",
    "done",
  ]);
});

test("what the server says of the task itself ends it", async () => {
  expect(await run([new Failure("not-found")], [RESULT])).toEqual(["sending", "working", "Failure: not-found: "]);
  expect(await run([COMPLETED], [new Failure("forbidden")])).toContain("Failure: forbidden: ");
});

test("a state that never comes is asked for again", async () => {
  expect(await run(["silence", COMPLETED], [RESULT])).toContain("working, lost");
});

test("a result is asked for again, whoever has it, as long as it is there", async () => {
  const gone = new Failure("gone");
  expect(await run([COMPLETED], [gone, RESULT])).toContain("done");
  expect(await run([COMPLETED, "silence"], [gone, RESULT])).toContain("done");
  expect(await run([COMPLETED, { ...COMPLETED, status: "cleaned" }], [gone])).toContain("Failure: gone: ");
});

/** Answers with `pieces`, one each `milliseconds`; the stream breaks once the request is given up. */
function download(pieces: number, milliseconds: number): typeof fetch {
  return async (_, init) => {
    let left = pieces;
    const body = new ReadableStream<Uint8Array>({
      start: (out) => init?.signal?.addEventListener("abort", () => out.error(init.signal?.reason)),
      pull: (out) =>
        new Promise((resolve) => {
          setTimeout(() => {
            left -= 1;
            if (init?.signal?.aborted) {
              return;
            }
            out.enqueue(Uint8Array.of(1));
            if (left === 0) {
              out.close();
            }
            resolve();
          }, milliseconds);
        }),
    });
    return new Response(body, { headers: { "Content-Type": "image/png" } });
  };
}

test("a download may take its time, but not fall silent", async () => {
  vi.stubGlobal("fetch", download(5, SILENCE_MILLISECONDS - 1));
  const slow = await fetchUnlessSilent("http://limner/image");
  const blob = slow.blob();
  await vi.advanceTimersByTimeAsync(5 * SILENCE_MILLISECONDS);
  expect(await blob).toMatchObject({ size: 5, type: "image/png" });
  expect(vi.getTimerCount()).toBe(0);

  vi.stubGlobal("fetch", download(5, SILENCE_MILLISECONDS + 1));
  const silent = await fetchUnlessSilent("http://limner/image");
  const broken = expect(silent.blob()).rejects.toMatchObject({ name: "TimeoutError" });
  await vi.advanceTimersByTimeAsync(2 * SILENCE_MILLISECONDS);
  await broken;
});

test("a download whose answer never begins is given up, and one that is cancelled leaves nothing behind", async () => {
  const never: typeof fetch = (_, init) =>
    new Promise((_, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
  vi.stubGlobal("fetch", never);
  const silent = expect(fetchUnlessSilent("http://limner/image")).rejects.toMatchObject({ name: "TimeoutError" });
  await vi.advanceTimersByTimeAsync(SILENCE_MILLISECONDS);
  await silent;
  const leaving = new AbortController();
  const cancelled = fetchUnlessSilent("http://limner/image", { signal: leaving.signal });
  leaving.abort();
  await expect(cancelled).rejects.toMatchObject({ name: "AbortError" });
  expect(vi.getTimerCount()).toBe(0);
});
