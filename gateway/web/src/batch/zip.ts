// The build without workers and WebAssembly: the browser itself decompresses, and the content policy stays strict.
import { BlobReader, BlobWriter, type Entry, ZipReader } from "@zip.js/zip.js/lib/zip-core-custom.js";

/** A file in a ZIP, read when it is asked for. */
export interface ZipFile {
  /** Place in the archive: names need not be unique. */
  index: number;
  name: string;
  size: number;
  /** @throws whatever is wrong with it; `RangeError` where its `size` is beyond `most`. Not a byte more is unpacked. */
  read: (most: number) => Promise<Blob>;
}

/**
 * The files of a ZIP that lies in this browser, in the archive's order. Encrypted ones are left out.
 *
 * Names without a mark are UTF-8, else GB 18030, as the server reads them.
 *
 * @throws whatever zip.js does where `archive` is no ZIP.
 */
export async function readZip(archive: Blob): Promise<ZipFile[]> {
  const reader = new ZipReader(new BlobReader(archive), {
    useWebWorkers: false,
    decodeText,
    filenameValidation: "tolerant", // names are shown, never gone to: one that leads out costs its own file only
  });
  return (await reader.getEntries()).flatMap((entry, index) =>
    entry.directory || entry.encrypted ? [] : [fileOf(entry, index)],
  );
}

function fileOf(entry: Entry, index: number): ZipFile {
  return {
    index,
    name: entry.filename,
    size: entry.uncompressedSize,
    read: async (most) => {
      if (entry.directory || entry.uncompressedSize > most) {
        throw new RangeError("too large");
      }
      return entry.getData(new BlobWriter()); // zip.js stops where it holds more than its header says
    },
  };
}

function decodeText(bytes: Uint8Array, encoding: string): string {
  if (encoding.toLowerCase() === "utf-8") {
    return new TextDecoder().decode(bytes);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("gb18030").decode(bytes);
  }
}
