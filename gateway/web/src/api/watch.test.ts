import { expect, test, vi } from "vitest";
import { Failure } from "./failure";
import { type TaskState, type Watched, watch } from "./watch";

type Told = { event?: string; data: unknown };

const state = (status: TaskState["status"]): TaskState => ({ status });

/** A task whose streams and answers are given; each is used once, in order. */
function task(streams: (Told[] | "broken")[], answers: (TaskState | Failure)[]) {
  const states: string[] = [];
  const connected: boolean[] = [];
  const signal = new AbortController();
  const watched: Watched<TaskState> = {
    events: async ({ onSseEvent }) => {
      const told = streams.shift() ?? [];
      async function* stream() {
        if (told === "broken") {
          return; // the generated client gives up without a word
        }
        for (const event of told) {
          onSseEvent(event);
          yield event.data;
        }
      }
      return { stream: stream() };
    },
    status: async () => {
      const answer = answers.shift();
      if (answer === undefined || answer instanceof Failure) {
        throw answer ?? new Error("asked once too often");
      }
      return answer;
    },
    onState: ({ status }) => states.push(status),
    onConnected: (now) => connected.push(now),
    signal: signal.signal,
  };
  return { watched, states, connected, abort: () => signal.abort() };
}

test("the states are told until the task is done, and nothing is asked", async () => {
  const { watched, states } = task(
    [
      [
        { data: undefined },
        { event: "queue", data: { queue_position: 1 } },
        { event: "progress", data: state("processing") },
        { event: "done", data: state("completed") },
      ],
    ],
    [],
  );
  expect(await watch(watched)).toEqual(state("completed"));
  expect(states).toEqual(["processing", "completed"]);
});

test("after a broken stream the state is read and the events are opened again", async () => {
  vi.useFakeTimers();
  const { watched, states, connected } = task(
    [[{ event: "progress", data: state("pending") }], "broken", [{ event: "done", data: state("failed") }]],
    [new Failure("network"), state("processing")],
  );
  vi.stubGlobal("addEventListener", () => undefined);
  const end = watch(watched);
  await vi.runAllTimersAsync();
  expect(await end).toEqual(state("failed"));
  expect(states).toEqual(["pending", "processing", "failed"]);
  expect(connected).toContain(false);
  expect(connected.at(-1)).toBe(true);
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("a task that is not known any more ends the watch", async () => {
  const { watched } = task(["broken"], [new Failure("not-found")]);
  await expect(watch(watched)).rejects.toMatchObject({ kind: "not-found" });
});

test("whoever aborts is not told anything more", async () => {
  const { watched, states, abort } = task(["broken"], [state("completed")]);
  abort();
  await expect(watch(watched)).rejects.toMatchObject({ name: "AbortError" });
  expect(states).toEqual([]);
});
