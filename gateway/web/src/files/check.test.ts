import { expect, test } from "vitest";
import type { Limits } from "../api/limits";
import { checkFile } from "./check";

const LIMITS: Limits = { maxUploadBytes: 100, maxArchiveBytes: 200, resultTtl: 300, keys: false };

function file(head: string, size = 50): Blob {
  const bytes = new Uint8Array(size);
  bytes.set([...head].map((character) => character.charCodeAt(0)));
  return new Blob([bytes]);
}

test.each([
  ["JPEG", "\xff\xd8\xff\xe0", { kind: "photo" }],
  ["PNG", "\x89PNG\r\n\x1a\n", { kind: "photo" }],
  ["WebP", "RIFF....WEBPVP8 ", { kind: "photo" }],
  ["other RIFF", "RIFF....WAVEfmt ", { refusal: "not-supported" }],
  ["ZIP", "PK\x03\x04", { kind: "archive" }],
  ["empty ZIP", "PK\x05\x06", { kind: "archive" }],
  ["RAR 4", "Rar!\x1a\x07\x00", { kind: "archive" }],
  ["RAR 5", "Rar!\x1a\x07\x01\x00", { kind: "archive" }],
  ["HEIC", "\0\0\0\x18ftypheic", { refusal: "heic" }],
  ["AVIF", "\0\0\0\x1cftypavif", { refusal: "heic" }],
  ["MP4", "\0\0\0\x1cftypisom", { refusal: "not-supported" }],
  ["text", "hello", { refusal: "not-supported" }],
])("%s is known by its first bytes", async (_, head, wanted) => {
  expect(await checkFile(file(head), LIMITS)).toEqual(wanted);
});

test("each kind has its own limit", async () => {
  expect(await checkFile(file("\xff\xd8\xff", 100), LIMITS)).toEqual({ kind: "photo" });
  expect(await checkFile(file("\xff\xd8\xff", 101), LIMITS)).toEqual({ refusal: "photo-too-large" });
  expect(await checkFile(file("PK\x03\x04", 200), LIMITS)).toEqual({ kind: "archive" });
  expect(await checkFile(file("PK\x03\x04", 201), LIMITS)).toEqual({ refusal: "archive-too-large" });
});

test("an empty file and a file of one byte are refused", async () => {
  expect(await checkFile(new Blob([]), LIMITS)).toEqual({ refusal: "empty" });
  expect(await checkFile(new Blob(["P"]), LIMITS)).toEqual({ refusal: "not-supported" });
});
