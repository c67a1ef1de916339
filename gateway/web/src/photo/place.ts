import type { EventOptions } from "../api/watch";

/** Between two events of progress, those of the queue tell the place only: a state with the new place is passed on. */
export function withPlace(told: EventOptions["onSseEvent"]): EventOptions["onSseEvent"] {
  let last: unknown = null;
  return ({ event, data }) => {
    if (event === "progress") {
      last = data;
    }
    if (event === "queue" && isObject(last) && isObject(data)) {
      last = { ...last, ...data };
      told({ event: "progress", data: last });
    } else {
      told({ ...(event === undefined ? {} : { event }), data });
    }
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
