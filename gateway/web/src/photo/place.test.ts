import { expect, test } from "vitest";
import { withPlace } from "./place";

function told(...events: { event?: string; data: unknown }[]) {
  const heard: unknown[] = [];
  const tell = withPlace((event) => heard.push(event));
  for (const event of events) {
    tell(event);
  }
  return heard;
}

test("a new place comes with the rest of the state", () => {
  const heard = told(
    { event: "progress", data: { status: "pending", queue_position: 3 } },
    { event: "queue", data: { queue_position: 2 } },
    { event: "queue", data: { queue_position: 1 } },
  );
  expect(heard.at(-2)).toEqual({ event: "progress", data: { status: "pending", queue_position: 2 } });
  expect(heard.at(-1)).toEqual({ event: "progress", data: { status: "pending", queue_position: 1 } });
});

test("without a state, and of other kinds, events are passed on as they are", () => {
  const events = [{ data: undefined }, { event: "queue", data: { queue_position: 2 } }, { event: "done", data: {} }];
  expect(told(...events)).toEqual(events);
});
