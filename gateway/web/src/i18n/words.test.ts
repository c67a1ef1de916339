import { expect, test } from "vitest";
import { en } from "./en";
import { zh } from "./zh";

/** Words in which nothing is left to translate. */
const SAME = /^([\s\d%/×→–−·.,，:;()]|\{\{\w+\}\}|JPEG|PNG|WebP|kB|MB|<time\/>)*$/;

function leaves(words: object, path = ""): [string, string][] {
  return Object.entries(words).flatMap(([key, value]): [string, string][] =>
    typeof value === "string" ? [[`${path}${key}`, value]] : leaves(value, `${path}${key}.`),
  );
}

const english = new Map(leaves(en));
const chinese = new Map(leaves(zh));

test("both languages have the same words", () => {
  expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
});

test.each([...english.keys()])("%s is in its language and keeps its placeholders", (key) => {
  const [here = "", there = ""] = [english.get(key), chinese.get(key)];
  const placeholders = (text: string) => (text.match(/\{\{\w+\}\}|<\/?\w+ ?\/?>/g) ?? []).sort();
  expect(placeholders(there)).toEqual(placeholders(here));
  expect(here).not.toMatch(/\p{Script=Han}/u);
  if (!SAME.test(there)) {
    expect(there).toMatch(/\p{Script=Han}/u);
  }
});
