/** A note of the server's, as the page says it; as the server does, where the page does not know it. */
export type Note = { key: NoteKey; values: NoteValues } | { key: null; text: string };

type NoteKey = "frames" | "transparency" | "depth" | "too-many" | "colour";

interface NoteValues {
  count?: number;
  all?: number;
  made?: string;
  wanted?: string;
  format?: string;
}

/** Told with each face already. */
const TOLD = [/ blended with the photo to stay the same person/, / left as in the photo, for restored /];

const KNOWN: [RegExp, (words: string[]) => Note][] = [
  [/^Only the first of (\d+) frames /, ([count]) => ({ key: "frames", values: { count: Number(count) } })],
  [
    /^The result is (\w+) because (\w+) cannot keep the transparency/,
    ([made = "", wanted = ""]) => ({
      key: "transparency",
      values: { made: formatName(made), wanted: formatName(wanted) },
    }),
  ],
  [
    /^The 16 bits per channel were .* as (\w+) holds/,
    ([format = ""]) => ({ key: "depth", values: { format: formatName(format) } }),
  ],
  [
    /^The (\d+) smallest of (\d+) faces were not restored/,
    ([count, all]) => ({ key: "too-many", values: { count: Number(count), all: Number(all) } }),
  ],
  [/^The mean colour of \d+ restored /, () => ({ key: "colour", values: {} })],
];

/** What the server noted about a photo, without what the page says of its faces anyway. */
export function notesOf(sentences: readonly string[]): Note[] {
  return sentences.filter((sentence) => !TOLD.some((told) => told.test(sentence))).map(noteOf);
}

function noteOf(text: string): Note {
  for (const [pattern, read] of KNOWN) {
    const match = pattern.exec(text);
    if (match !== null) {
      return read(match.slice(1));
    }
  }
  return { key: null, text };
}

/** As people write it: JPEG, PNG, WebP. */
export function formatName(format: string): string {
  return format === "webp" ? "WebP" : format.toUpperCase();
}
