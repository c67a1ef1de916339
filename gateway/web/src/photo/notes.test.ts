import { expect, test } from "vitest";
import { notesOf } from "./notes";

test.each([
  ["Only the first of 3 frames was used.", { key: "frames", values: { count: 3 } }],
  [
    "The result is webp because jpeg cannot keep the transparency.",
    { key: "transparency", values: { made: "WebP", wanted: "JPEG" } },
  ],
  ["The 16 bits per channel were reduced to 8, as jpeg holds no more.", { key: "depth", values: { format: "JPEG" } }],
  [
    "The 4 smallest of 68 faces were not restored: there are too many.",
    { key: "too-many", values: { count: 4, all: 68 } },
  ],
  ["The mean colour of 2 restored faces has visibly shifted.", { key: "colour", values: {} }],
  ["Something new.", { key: null, text: "Something new." }],
])("%s", (sentence, note) => {
  expect(notesOf([sentence])).toEqual([note]);
});

test("what is told with each face is not told again", () => {
  const told = [
    "1 face was blended with the photo to stay the same person; preserve_identity=false switches that off.",
    "2 faces were left as in the photo, for restored it would be another person; preserve_identity=false insists.",
  ];
  expect(notesOf(told)).toEqual([]);
});
