import { expect, test, vi } from "vitest";
import { noteServerTime, serverNow } from "./clock";

test("time is told by the server's clock", () => {
  vi.useFakeTimers({ now: Date.parse("2026-01-01T00:00:00Z") });
  expect(serverNow()).toBe(Date.now());
  noteServerTime("Thu, 01 Jan 2026 00:07:00 GMT");
  vi.advanceTimersByTime(2_000);
  expect(new Date(serverNow()).toISOString()).toBe("2026-01-01T00:07:02.000Z");
  noteServerTime(null);
  noteServerTime("nonsense");
  expect(new Date(serverNow()).toISOString()).toBe("2026-01-01T00:07:02.000Z");
  vi.useRealTimers();
});
