import type { FaceReport, PhotoReport } from "../api/generated";

/** What a photo is worth for recognition, in one word. */
export type Verdict = "usable" | "not-usable" | "no-face";

/** A photo is usable when a face in it is. */
export function verdictOf(faces: readonly FaceReport[], when: "before" | "after"): Verdict {
  if (faces.length === 0) {
    return "no-face";
  }
  return faces.some((face) => face.quality_metrics?.usable[when] === true) ? "usable" : "not-usable";
}

/** Why a face was not redrawn, where one was found. */
export type Unrestored = "no-weights" | "not-asked" | "held-back" | "other";

/** For faces that were found; null where the face was restored. */
export function whyNotRestored(face: FaceReport, report: PhotoReport): Unrestored | null {
  if (face.restored) {
    return null;
  }
  if (report.options.restorer === "none") {
    return "not-asked";
  }
  if (report.models.face_restorer?.name == null) {
    return "no-weights";
  }
  return face.identity?.action === "left out" ? "held-back" : "other";
}

/** How much more detail there is, as people say it. */
export type Gain = "none" | "some" | "double" | "more";

export function gainOf(ratio: number): Gain {
  if (ratio < 1.15) {
    return "none";
  }
  if (ratio < 1.75) {
    return "some";
  }
  return ratio < 2.5 ? "double" : "more";
}

/** SFace's threshold (OpenCV's zoo): two faces at least as alike are the same person's. */
const SAME_PERSON = 0.363;

export function samePerson(likeness: number): boolean {
  return likeness >= SAME_PERSON;
}
