import { expect, test } from "vitest";
import { proposedName } from "./saveBlob";

test.each([
  ["attachment; filename=\"a.png\"; filename*=UTF-8''%E5%BC%A0%E4%B8%89.png", "张三.png"],
  ['attachment; filename="a.png"', "a.png"],
  ['attachment; filename="a \\"b\\".png"', 'a "b".png'],
  ["attachment; filename*=utf-8''%E5", "fallback"],
  ["attachment", "fallback"],
  [null, "fallback"],
])("%s proposes %s", (disposition, wanted) => {
  expect(proposedName(disposition, "fallback")).toBe(wanted);
});
