import { expect, test } from "vitest";
import { baseName, looksLikePhoto, savedName } from "./names";

test("the last part of a path", () => {
  expect(baseName("三年二班/张三.jpg")).toBe("张三.jpg");
  expect(baseName("a.jpg")).toBe("a.jpg");
});

test.each([
  ["a.jpg", true],
  ["a/b.JPEG", true],
  ["照片.webp", true],
  ["a.txt", false],
  ["a.jpg/", false],
  ["__MACOSX/._a.jpg", false],
  ["a/._b.jpg", false],
])("%s looks like a photo: %s", (path, wanted) => {
  expect(looksLikePhoto(path)).toBe(wanted);
});

test.each([
  ["班级.rar", "班级-limner.zip"],
  ["a.b.zip", "a.b-limner.zip"],
  [".zip", "photos-limner.zip"],
])("%s is saved as %s", (archive, wanted) => {
  expect(savedName(archive)).toBe(wanted);
});
