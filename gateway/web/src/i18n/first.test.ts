import { expect, test } from "vitest";
import { firstLanguage } from "./first";

test.each([
  [null, ["zh-CN", "en-US"], "zh"],
  [null, ["zh-TW"], "zh"],
  [null, ["de-DE", "en-GB", "zh-CN"], "en"],
  [null, ["de-DE"], "en"],
  [null, [], "en"],
  ["en", ["zh-CN"], "en"],
  ["nonsense", ["zh-CN"], "zh"],
])("stored %s and wanted %s give %s", (stored, wanted, language) => {
  expect(firstLanguage(stored, wanted)).toBe(language);
});
