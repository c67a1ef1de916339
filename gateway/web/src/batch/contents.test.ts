import { BlobWriter, TextReader, ZipWriter } from "@zip.js/zip.js/lib/zip-core-custom.js";
import { expect, test } from "vitest";
import type { FileReport } from "../api/generated";
import { readContents, tally, withStatus, worthOf } from "./contents";
import { readZip } from "./zip";

async function zipped(files: Record<string, string>, password?: string): Promise<Blob> {
  const writer = new ZipWriter(new BlobWriter(), {
    useWebWorkers: false,
    ...(password === undefined ? {} : { password }),
  });
  for (const [name, text] of Object.entries(files)) {
    await writer.add(name, new TextReader(text));
  }
  return writer.close();
}

const REPORT = {
  processed_files: 1,
  photos: [
    { name: "a/一.jpg", status: "completed", result: "a/一.jpg", faces: [] },
    { name: "b.jpg", status: "failed", error: { type: "damaged-image", message: "m" } },
    { name: "c.txt", status: "skipped", reason: "r" },
    "nonsense",
  ],
};

test("an archive is its report and its photos", async () => {
  const contents = await readContents(await zipped({ "a/一.jpg": "photo", "report.json": JSON.stringify(REPORT) }));
  expect(contents.files.map(({ name }) => name)).toEqual(["a/一.jpg", "b.jpg", "c.txt"]);
  expect([...contents.results.keys()]).toEqual(["a/一.jpg"]);
  const photo = await contents.results.get("a/一.jpg")?.read(100);
  expect(await photo?.text()).toBe("photo");
  expect(withStatus(contents, "failed").map(({ error }) => error?.type)).toEqual(["damaged-image"]);
});

test("what is no archive of the server's cannot be read", async () => {
  await expect(readContents(new Blob(["no zip"]))).rejects.toThrow();
  await expect(readContents(await zipped({ "a.jpg": "photo" }))).rejects.toThrow("no report");
});

test("a file is read up to what it may hold", async () => {
  const [file] = await readZip(await zipped({ "a.jpg": "x".repeat(5000) }));
  expect(file?.size).toBe(5000);
  await expect(file?.read(4999)).rejects.toThrow(RangeError);
  expect((await file?.read(5000))?.size).toBe(5000);
});

test("a file that holds more than its header says is not unpacked any further", async () => {
  const archive = new Uint8Array(await (await zipped({ "a.jpg": "x".repeat(5_000_000) })).arrayBuffer());
  const view = new DataView(archive.buffer);
  for (let at = 0; at + 4 <= archive.length; at += 1) {
    if (view.getUint32(at, true) === 5_000_000) {
      view.setUint32(at, 1000, true);
    }
  }
  const [file] = await readZip(new Blob([archive]));
  expect(file?.size).toBe(1000);
  await expect(file?.read(2000)).rejects.toThrow("Invalid uncompressed size");
});

test("encrypted files are left out", async () => {
  expect(await readZip(await zipped({ "a.jpg": "photo" }, "secret"))).toEqual([]);
});

test("names without a mark are read as UTF-8, else as GB 18030", async () => {
  for (const bytes of [
    new TextEncoder().encode("照片.jpg"),
    Uint8Array.from([0xd5, 0xd5, 0xc6, 0xac, 0x2e, 0x6a, 0x70, 0x67]),
  ]) {
    const stand = "x".repeat(bytes.length);
    const archive = new Uint8Array(await (await zipped({ [stand]: "photo" })).arrayBuffer());
    const [file] = await readZip(new Blob([renamed(archive, stand, bytes)]));
    expect(file?.name).toBe("照片.jpg");
  }
});

test("a path that leads out does not hide the other files", async () => {
  const archive = new Uint8Array(await (await zipped({ "a.jpg": "photo", "xxxxx.jpg": "photo" })).arrayBuffer());
  const files = await readZip(new Blob([renamed(archive, "xxxxx.jpg", new TextEncoder().encode("../bc.jpg"))]));
  expect(files.map(({ name }) => name)).toEqual(["a.jpg", "../bc.jpg"]);
});

/** The archive with another name in place, and the mark for UTF-8 taken from both headers. */
function renamed(archive: Uint8Array, old: string, name: Uint8Array): Uint8Array<ArrayBuffer> {
  const made = Uint8Array.from(archive);
  const view = new DataView(made.buffer);
  for (let at = 0; at + 4 < made.length; at += 1) {
    const flags = { 67324752: at + 6, 33639248: at + 8 }[view.getUint32(at, true)];
    if (flags !== undefined) {
      view.setUint16(flags, view.getUint16(flags, true) & ~0x800, true);
    }
    if (old === new TextDecoder("latin1").decode(made.subarray(at, at + old.length))) {
      made.set(name, at);
    }
  }
  return made;
}

test("a batch is counted by what its photos are worth", () => {
  const files: FileReport[] = [
    { name: "a", status: "completed", faces: [] },
    { name: "b", status: "completed" },
  ];
  expect(files.map(worthOf)).toEqual(["no-face", "no-face"]);
  expect(tally(files)).toEqual({ usable: 0, some: 0, "not-usable": 0, "no-face": 2 });
});
