import type { FaceReport, PhotoReport } from "../api/generated";

export type When = "before" | "after";

/** What a photo is worth for recognition, in one word. */
export type Verdict = "usable" | "some" | "not-usable" | "no-face";

/** Whether all faces are usable, some or none. */
export function verdictOf(faces: readonly FaceReport[]): Verdict {
  if (faces.length === 0) {
    return "no-face";
  }
  const usable = countUsable(faces);
  if (usable === 0) {
    return "not-usable";
  }
  return usable === faces.length ? "usable" : "some";
}

export function countUsable(faces: readonly FaceReport[]): number {
  return faces.filter((face) => face.quality_metrics?.usable.after === true).length;
}

/** Effective pixels between the eyes that a usable face has (docs/metrics.md). */
export const NEEDED_PIXELS = 54;
/** The distance between the eyes that is a `sharpness_score` of 1. */
const FULL_PIXELS = 90;

/** A reason of the report, and the pixels that its sentence tells. */
export interface Shortcoming {
  reason: string;
  eyes: number;
  detail: number;
}

/** What is not good enough of a face. */
export function shortcomings(face: FaceReport, when: When): Shortcoming[] {
  const metrics = face.quality_metrics;
  if (metrics == null) {
    return [];
  }
  const eyes = Math.floor(when === "after" ? metrics.parts.inter_eye_distance : eyesApart(face));
  const effective =
    when === "after" ? metrics.parts.effective_eye_distance : metrics.before.sharpness_score * FULL_PIXELS;
  // Rounded down, lest a sentence call 54 too few and ask for 54.
  const figures = { eyes, detail: Math.floor(effective) };
  const reasons: string[] = metrics.reasons[when];
  if (figures.eyes < 1 && reasons.includes("eyes-too-close")) {
    return [{ reason: "not-measurable", ...figures }];
  }
  const small = reasons.includes("eyes-too-close");
  return reasons.map((reason) => ({ reason: reason === "blurred" && small ? "blurred-small" : reason, ...figures }));
}

/** Pixels between the eyes in the photo as it was sent; 0 where they are not known. */
function eyesApart(face: FaceReport): number {
  const [right, left] = face.landmarks ?? [];
  const [x = 0, y = 0] = right ?? [];
  const [otherX = x, otherY = y] = left ?? [];
  return Math.hypot(otherX - x, otherY - y);
}

/** What was done about a face. */
export type Treatment =
  | "restored"
  | "same"
  | "blended"
  | "held-back"
  | "no-weights"
  | "not-asked"
  | "not-centre"
  | "other";

export function treatmentOf(face: FaceReport, report: PhotoReport): Treatment {
  const action = face.identity?.action;
  if (face.restored) {
    if (action === "blended") {
      return "blended";
    }
    return action === "kept" && samePerson(face.identity?.likeness ?? -1) ? "same" : "restored";
  }
  if (action === "left out") {
    return "held-back";
  }
  if (report.options.restorer === "none") {
    return "not-asked";
  }
  if (report.models.face_restorer?.name == null) {
    return "no-weights";
  }
  return report.options.only_center_face === true ? "not-centre" : "other";
}

/** How much more detail there is, as people say it. */
export type Gain = "less" | "none" | "some" | "double" | "more";

export function gainOf(ratio: number): Gain {
  if (ratio < 0.9) {
    return "less";
  }
  if (ratio < 1.15) {
    return "none";
  }
  if (ratio < 1.75) {
    return "some";
  }
  return ratio < 2.25 ? "double" : "more";
}

/** Whether the faces of the photo are still the same persons'. */
export type Person = "same" | "other" | "unrestored" | "unknown";

export function personOf(report: PhotoReport): Person {
  const likeness = report.quality_metrics.identity_preservation;
  if (likeness !== null) {
    return samePerson(likeness) ? "same" : "other";
  }
  return report.faces.some((face) => face.restored) ? "unknown" : "unrestored";
}

/** SFace's threshold (OpenCV's zoo): two faces at least as alike are the same person's. */
const SAME_PERSON = 0.363;

function samePerson(likeness: number): boolean {
  return likeness >= SAME_PERSON;
}
