import type { Limits } from "../api/limits";

export type FileKind = "photo" | "archive";

/** Why a file is not sent at all. The page has a sentence for each. */
export type Refusal = "empty" | "unreadable" | "photo-too-large" | "archive-too-large" | "heic" | "not-supported";

export type Checked = { kind: FileKind; refusal?: undefined } | { kind?: undefined; refusal: Refusal };

/** What the file chooser offers. */
export const PHOTO_TYPES = "image/jpeg,image/png,image/webp";
export const ARCHIVE_TYPES = ".zip,.rar,application/zip,application/vnd.rar";

const HEAD_BYTES = 16;
const ZIP_MAGIC = ["PK\x03\x04", "PK\x05\x06", "PK\x07\x08"];

/** Look at a file's first bytes and its size, as the server will. Its name and stated type do not count. */
export async function checkFile(file: Blob, limits: Limits): Promise<Checked> {
  if (file.size === 0) {
    return { refusal: "empty" };
  }
  const head = await readHead(file);
  if (head === null) {
    return { refusal: "unreadable" };
  }
  const kind = kindOf(head);
  if (kind === "photo") {
    return file.size > limits.maxUploadBytes ? { refusal: "photo-too-large" } : { kind };
  }
  if (kind === "archive") {
    return file.size > limits.maxArchiveBytes ? { refusal: "archive-too-large" } : { kind };
  }
  return { refusal: kind };
}

/** Null where the file cannot be read: it is gone, or lies in a cloud that does not answer. */
async function readHead(file: Blob): Promise<Uint8Array | null> {
  try {
    return new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  } catch {
    return null;
  }
}

/** By magic bytes: those of JPEG, PNG, WebP, ZIP and RAR. */
function kindOf(head: Uint8Array): FileKind | "heic" | "not-supported" {
  const text = String.fromCharCode(...head);
  if (text.startsWith("\xff\xd8\xff") || text.startsWith("\x89PNG\r\n\x1a\n")) {
    return "photo";
  }
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") {
    return "photo";
  }
  if ([...ZIP_MAGIC, "Rar!\x1a\x07"].some((magic) => text.startsWith(magic))) {
    return "archive";
  }
  return text.slice(4, 8) === "ftyp" && /^(hei|hev|mif1|msf1|avif)/.test(text.slice(8, 12)) ? "heic" : "not-supported";
}
