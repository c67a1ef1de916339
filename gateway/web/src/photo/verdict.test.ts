import { expect, test } from "vitest";
import type { FaceMetrics, FaceReport, PhotoReport, Reasons } from "../api/generated";
import { photo as en } from "../i18n/en/photo";
import { countUsable, gainOf, personOf, shortcomings, treatmentOf, verdictOf } from "./verdict";

const METRICS: FaceMetrics = {
  sharpness_score: 0.5,
  face_quality_score: 0.5,
  enhancement_ratio: 1,
  identity_preservation: null,
  before: { sharpness_score: 0.2, face_quality_score: 0.2 },
  usable: { before: true, after: true },
  reasons: { before: [], after: [] },
  parts: { inter_eye_distance: 60.9, effective_eye_distance: 53.9, exposure: 1, contrast: 1, pose: 1, visible: 1 },
};

function face(metrics: Partial<FaceMetrics> | null = {}, more: Partial<FaceReport> = {}): FaceReport {
  const quality_metrics = metrics === null ? null : { ...METRICS, ...metrics };
  return { box: [0, 0, 1, 1], score: 1, restored: false, quality_metrics, ...more };
}

const POOR = { usable: { before: true, after: false } };

function report(options: PhotoReport["options"], name: string | null, more: Partial<PhotoReport> = {}): PhotoReport {
  return {
    input: { width: 1, height: 1, format: "png", mode: "RGB", bit_depth: 8, frames: 1, bytes: 1 },
    output: { width: 1, height: 1, format: "png", bit_depth: 8, bytes: 1 },
    faces: [],
    quality_metrics: { ...METRICS, identity_reason: null },
    models: { face_restorer: { name } },
    tiles: null,
    milliseconds: {},
    options,
    notes: [],
    truncated: false,
    ...more,
  };
}

test("all faces count", () => {
  expect(verdictOf([])).toBe("no-face");
  expect(verdictOf([face()])).toBe("usable");
  expect(verdictOf([face(), face(POOR)])).toBe("some");
  expect(verdictOf([face(POOR), face(null)])).toBe("not-usable");
  expect(countUsable([face(), face(POOR), face(null)])).toBe(1);
});

test("the pixels of a sentence are those of its time, and rounded down", () => {
  const blurred = face(
    { reasons: { before: ["blurred"], after: ["blurred"] } },
    {
      landmarks: [
        [0, 0],
        [33, 44],
      ],
    },
  );
  expect(shortcomings(blurred, "after")).toEqual([{ reason: "blurred", eyes: 60, detail: 53 }]);
  expect(shortcomings(blurred, "before")).toEqual([{ reason: "blurred", eyes: 55, detail: 18 }]);
});

test("a small face is blurred for its size", () => {
  const small = face(
    { reasons: { before: ["eyes-too-close", "blurred", "turned"], after: [] } },
    {
      landmarks: [
        [10, 10],
        [40, 10],
      ],
    },
  );
  expect(shortcomings(small, "before").map(({ reason }) => reason)).toEqual([
    "eyes-too-close",
    "blurred-small",
    "turned",
  ]);
  expect(shortcomings(small, "after")).toEqual([]);
});

test("a face that could not be measured has no pixels to tell", () => {
  const unmeasured = face({ reasons: { before: ["eyes-too-close", "cut-off"], after: [] } });
  expect(shortcomings(unmeasured, "before").map(({ reason }) => reason)).toEqual(["not-measurable"]);
  expect(shortcomings(face(null), "after")).toEqual([]);
});

test.each([
  ["no-weights", {}, null, {}],
  ["not-asked", { restorer: "none" }, null, {}],
  ["not-centre", { only_center_face: true }, "gfpgan", {}],
  ["other", {}, "gfpgan", {}],
  ["held-back", {}, "gfpgan", { identity: { likeness: 0.1, action: "left out", share_of_input: 1 } }],
  ["restored", {}, "gfpgan", { restored: true }],
  ["same", {}, "gfpgan", { restored: true, identity: { likeness: 0.4, action: "kept", share_of_input: 0 } }],
  ["restored", {}, "gfpgan", { restored: true, identity: { likeness: 0.3, action: "kept", share_of_input: 0 } }],
  ["blended", {}, "gfpgan", { restored: true, identity: { likeness: 0.4, action: "blended", share_of_input: 0.25 } }],
])("a face is treated: %s", (treatment, options, restorer, facts) => {
  expect(treatmentOf(face({}, facts), report(options, restorer))).toBe(treatment);
});

test.each([
  [0.5, "less"],
  [1.1, "none"],
  [1.2, "some"],
  [2, "double"],
  [3, "more"],
])("a ratio of %f is %s", (ratio, gain) => {
  expect(gainOf(ratio)).toBe(gain);
});

test.each([
  ["same", 0.363, true],
  ["other", 0.362, true],
  ["unknown", null, true],
  ["unrestored", null, false],
])("the person is %s", (person, likeness, restored) => {
  const metrics = { ...METRICS, identity_reason: null, identity_preservation: likeness };
  const faces = [face({}, { restored })];
  expect(personOf(report({}, "gfpgan", { quality_metrics: metrics, faces }))).toBe(person);
});

test("every reason has its sentence", () => {
  const sentences: Record<Reasons["after"][number], string> = en.reason;
  expect(Object.values(sentences).every((sentence) => sentence.endsWith("."))).toBe(true);
});
