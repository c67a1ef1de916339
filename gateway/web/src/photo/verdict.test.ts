import { expect, test } from "vitest";
import type { FaceReport, PhotoReport } from "../api/generated";
import { gainOf, samePerson, verdictOf, whyNotRestored } from "./verdict";

const SCORES = { sharpness_score: 0.5, face_quality_score: 0.5 };
const PARTS = {
  inter_eye_distance: 60,
  effective_eye_distance: 60,
  exposure: 1,
  contrast: 1,
  pose: 1,
  visible: 1,
};

function face(before: boolean, after: boolean, more: Partial<FaceReport> = {}): FaceReport {
  return {
    box: [0, 0, 1, 1],
    score: 1,
    restored: false,
    quality_metrics: {
      ...SCORES,
      enhancement_ratio: 1,
      identity_preservation: null,
      before: SCORES,
      usable: { before, after },
      reasons: { before: [], after: [] },
      parts: PARTS,
    },
    ...more,
  };
}

function report(restorer: string, name: string | null): PhotoReport {
  return {
    input: { width: 1, height: 1, format: "png", mode: "RGB", bit_depth: 8, frames: 1, bytes: 1 },
    output: { width: 1, height: 1, format: "png", bit_depth: 8, bytes: 1 },
    faces: [],
    quality_metrics: {
      ...SCORES,
      enhancement_ratio: 1,
      identity_preservation: null,
      identity_reason: null,
      before: SCORES,
    },
    models: { face_restorer: { name } },
    tiles: null,
    milliseconds: {},
    options: { restorer },
    notes: [],
    truncated: false,
  };
}

test("one usable face makes a photo usable, before and after apart", () => {
  const faces = [face(false, false), face(false, true)];
  expect(verdictOf(faces, "before")).toBe("not-usable");
  expect(verdictOf(faces, "after")).toBe("usable");
  expect(verdictOf([], "after")).toBe("no-face");
  expect(verdictOf([face(true, true, { quality_metrics: null })], "after")).toBe("not-usable");
});

test("why a face was not restored", () => {
  const left = { likeness: 0.1, action: "left out", share_of_input: 1 };
  expect(whyNotRestored(face(true, true, { restored: true }), report("auto", "gfpgan"))).toBeNull();
  expect(whyNotRestored(face(true, true), report("none", null))).toBe("not-asked");
  expect(whyNotRestored(face(true, true), report("auto", null))).toBe("no-weights");
  expect(whyNotRestored(face(true, true, { identity: left }), report("auto", "gfpgan"))).toBe("held-back");
  expect(whyNotRestored(face(true, true), report("auto", "gfpgan"))).toBe("other");
});

test.each([
  [0.5, "none"],
  [1.1, "none"],
  [1.2, "some"],
  [2, "double"],
  [3, "more"],
])("a ratio of %f is %s", (ratio, gain) => {
  expect(gainOf(ratio)).toBe(gain);
});

test("the threshold belongs to the same person", () => {
  expect([0.362, 0.363, 0.9].map(samePerson)).toEqual([false, true, true]);
});
