import type { ModelList } from "../api/generated";
import { BACKGROUNDS, RESTORERS } from "./options";

const ROLE_OF_CHOICES = { face_restorer: RESTORERS, background: BACKGROUNDS } as const;

/** The choices that no served model answers to: asked for by name, the server would refuse them. */
export function missingChoices(models: ModelList | null): ReadonlySet<string> {
  if (models === null) {
    return new Set();
  }
  const missing = new Set<string>();
  for (const [role, choices] of Object.entries(ROLE_OF_CHOICES)) {
    const served = models.models.filter((entry) => entry.role === role && entry.available);
    for (const choice of choices) {
      const needsModel = choice !== "auto" && choice !== "none" && choice !== "lanczos";
      if (needsModel && !served.some((entry) => answersTo(entry.model, choice))) {
        missing.add(choice);
      }
    }
  }
  return missing;
}

/** `realesrgan_x4` and the smaller `realesr_general_x4v3` answer to `realesrgan`, `swinir_l_x4` to `swinir`. */
function answersTo(model: string, choice: string): boolean {
  return model.startsWith(choice) || (choice === "realesrgan" && model.startsWith("realesr"));
}
