/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

const PHOTO = /\.(jpe?g|png|webp)$/i;

/** Whether a file of an archive looks like a photo that can be shown; what it is, the server finds out. */
export function looksLikePhoto(path: string): boolean {
  return PHOTO.test(path) && !path.startsWith("__MACOSX/") && !baseName(path).startsWith(".");
}

/**
 * The files by the names that the server's report gives them.
 *
 * The server numbers equal names, so which file is meant is known only of those whose name no other has: the rest are
 * left out, rather than one person's photo shown beside another's.
 */
export function byReportedName<Named extends { name: string }>(files: readonly Named[]): ReadonlyMap<string, Named> {
  const uses = new Map<string, number>();
  const keyOf = ({ name }: Named) => reportedName(name).toLowerCase();
  for (const file of files) {
    uses.set(keyOf(file), (uses.get(keyOf(file)) ?? 0) + 1);
  }
  const alone = files.filter((file) => uses.get(keyOf(file)) === 1);
  const certain = alone.length === files.length ? alone : alone.filter(({ name }) => !NUMBERED.test(name));
  return new Map(certain.map((file) => [reportedName(file.name), file]));
}

const NUMBERED = / \(\d+\)\.[^.]+$/;

/** As `gateway/archives/names.py` cleans it, where there is nothing but spelling to clean. */
function reportedName(path: string): string {
  return path
    .replaceAll("\\", "/")
    .normalize("NFC")
    .replace(/[<>:"|?*]/g, "_");
}

/** The name to save an enhanced archive under: `班级.rar` becomes `班级-limner.zip`. */
export function savedName(archive: string): string {
  return `${archive.replace(/\.[^.]+$/, "") || "photos"}-limner.zip`;
}
