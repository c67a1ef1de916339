import type { FileReport } from "../api/generated";
import { type Verdict, verdictOf } from "../photo/verdict";
import { readZip, type ZipFile } from "./zip";

/** What the server's archive holds: a line for each file, and the enhanced photos by their paths. */
export interface Contents {
  files: readonly FileReport[];
  results: ReadonlyMap<string, ZipFile>;
}

const REPORT = "report.json";
const LARGEST_REPORT = 200_000_000;

/**
 * Read the archive that a batch gave.
 *
 * @throws it is no ZIP, or holds no report.
 */
export async function readContents(archive: Blob): Promise<Contents> {
  const results = new Map((await readZip(archive)).map((file) => [file.name, file]));
  const report = results.get(REPORT);
  if (report === undefined) {
    throw new Error("The archive holds no report.");
  }
  results.delete(REPORT);
  const told: unknown = JSON.parse(await (await report.read(LARGEST_REPORT)).text());
  return { files: filesOf(told), results };
}

function filesOf(report: unknown): FileReport[] {
  const told = typeof report === "object" && report !== null && "photos" in report ? report.photos : [];
  return Array.isArray(told) ? told.filter(isFileReport) : [];
}

function isFileReport(told: unknown): told is FileReport {
  return typeof told === "object" && told !== null && "name" in told && "status" in told;
}

export function withStatus(contents: Contents, status: FileReport["status"]): FileReport[] {
  return contents.files.filter((file) => file.status === status);
}

/** What a photo is worth after it was enhanced. */
export function worthOf(file: FileReport): Verdict {
  return verdictOf(file.faces ?? []);
}

/** How many photos are worth what. */
export function tally(files: readonly FileReport[]): Record<Verdict, number> {
  const counts: Record<Verdict, number> = { usable: 0, some: 0, "not-usable": 0, "no-face": 0 };
  for (const file of files) {
    counts[worthOf(file)] += 1;
  }
  return counts;
}
