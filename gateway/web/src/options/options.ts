import type { SubmitPhotoData } from "../api/generated";
import { usePreference } from "../preferences";

/** How photos are enhanced: the form's fields, but the file. */
export type Options = Required<Omit<SubmitPhotoData["body"], "file">>;

/** As the server's own; what is the same is not sent. */
export const DEFAULT_OPTIONS: Options = {
  enhancement_level: 2,
  restorer: "auto",
  background: "auto",
  fidelity: 0.5,
  preserve_identity: true,
  only_center_face: false,
  aligned: false,
  output_format: "auto",
  quality: 95,
};

export const RESTORERS = ["auto", "gfpgan", "restoreformer", "codeformer", "none"] as const;
export const BACKGROUNDS = ["auto", "realesrgan", "swinir", "lanczos"] as const;
export const FORMATS = ["auto", "jpeg", "png", "webp"] as const;
export const LEVELS = [1, 2, 3, 4] as const;

/** The fields that differ from the defaults. */
export function changedOptions(options: Options): Partial<Options> {
  return Object.fromEntries(
    Object.entries(options).filter(([name, value]) => DEFAULT_OPTIONS[name as keyof Options] !== value),
  );
}

/** Options as they were stored; what is missing or not accepted any more has its default. */
export function parseOptions(stored: string | null): Options {
  const told = parseObject(stored);
  const oneOf = <Choice>(name: keyof Options, choices: readonly Choice[], fallback: Choice): Choice =>
    choices.find((choice) => choice === told.get(name)) ?? fallback;
  const number = (name: "fidelity" | "quality", low: number, high: number): number => {
    const value = told.get(name);
    return typeof value === "number" && value >= low && value <= high ? value : DEFAULT_OPTIONS[name];
  };
  const truth = (name: "preserve_identity" | "only_center_face" | "aligned"): boolean =>
    oneOf(name, [true, false], DEFAULT_OPTIONS[name]);
  return {
    enhancement_level: oneOf("enhancement_level", LEVELS, 2),
    restorer: oneOf("restorer", RESTORERS, "auto"),
    background: oneOf("background", BACKGROUNDS, "auto"),
    fidelity: number("fidelity", 0, 1),
    preserve_identity: truth("preserve_identity"),
    only_center_face: truth("only_center_face"),
    aligned: truth("aligned"),
    output_format: oneOf("output_format", FORMATS, "auto"),
    quality: Math.round(number("quality", 1, 100)),
  };
}

function parseObject(stored: string | null): Map<string, unknown> {
  try {
    const told: unknown = JSON.parse(stored ?? "{}");
    return new Map(typeof told === "object" && told !== null ? Object.entries(told) : []);
  } catch {
    return new Map();
  }
}

/** The options, remembered from visit to visit. */
export function useOptions(): [Options, (options: Options) => void] {
  return usePreference("options", parseOptions, JSON.stringify);
}
