export const LANGUAGES = ["zh", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

/** The language chosen on an earlier visit, else the first of the browser's that there is. */
export function firstLanguage(stored: string | null, wanted: readonly string[]): Language {
  const choices = stored === null ? wanted : [stored, ...wanted];
  const known = choices.map((tag) => LANGUAGES.find((language) => tag.toLowerCase().startsWith(language)));
  return known.find((language) => language !== undefined) ?? "en";
}
