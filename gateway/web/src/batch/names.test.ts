import { expect, test } from "vitest";
import { baseName, byReportedName, looksLikePhoto, savedName } from "./names";

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

test("files are found under the names of the report, however they were spelt", () => {
  const files = [{ name: "a\\b.jpg" }, { name: "e\u0301.jpg" }, { name: "a (2).jpg" }];
  expect([...byReportedName(files).keys()]).toEqual(["a/b.jpg", "\u00e9.jpg", "a (2).jpg"]);
});

test("of equal names nobody knows which is which, nor what the server has numbered", () => {
  const files = [{ name: "a.jpg" }, { name: "A.JPG" }, { name: "a (2).jpg" }, { name: "b.jpg" }];
  expect([...byReportedName(files)]).toEqual([["b.jpg", { name: "b.jpg" }]]);
});
