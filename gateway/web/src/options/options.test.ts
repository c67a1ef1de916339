import { expect, test } from "vitest";
import type { CatalogEntry, ModelList } from "../api/generated";
import { missingChoices } from "./available";
import { changedOptions, DEFAULT_OPTIONS, type Options, parseOptions } from "./options";

const CHANGED: Options = {
  enhancement_level: 3,
  restorer: "none",
  background: "lanczos",
  fidelity: 0.75,
  preserve_identity: false,
  only_center_face: true,
  aligned: true,
  output_format: "png",
  quality: 80,
};

test("options come back as they were stored", () => {
  expect(parseOptions(JSON.stringify(CHANGED))).toEqual(CHANGED);
});

test.each([null, "", "nonsense", "null", "7", "[]", '{"enhancement_level": 9, "fidelity": 2, "aligned": "yes"}'])(
  "stored %s gives the defaults",
  (stored) => {
    expect(parseOptions(stored)).toEqual(DEFAULT_OPTIONS);
  },
);

test("only what differs from the defaults is sent", () => {
  expect(changedOptions(DEFAULT_OPTIONS)).toEqual({});
  expect(changedOptions({ ...DEFAULT_OPTIONS, quality: 90 })).toEqual({ quality: 90 });
  expect(changedOptions(CHANGED)).toEqual(CHANGED);
});

function served(...names: [CatalogEntry["role"], string][]): ModelList {
  const entry = { variant: "", precision: null, source: null, sha256: null, licence: null, reason: null, version: "1" };
  return {
    roles: {},
    models: names.map(([role, model]) => ({ ...entry, role, model, available: true, custom: false, seeded: false })),
  };
}

test("choices without a model are told, and nothing is while the models are not known", () => {
  const packaged = missingChoices(served(["background", "realesrgan_x4"], ["detector", "retinaface"]));
  expect([...packaged].sort()).toEqual(["codeformer", "gfpgan", "restoreformer", "swinir"]);
  const small = missingChoices(served(["background", "realesr_general_x4v3"], ["face_restorer", "gfpgan"]));
  expect([...small].sort()).toEqual(["codeformer", "restoreformer", "swinir"]);
  expect(missingChoices(null).size).toBe(0);
});
