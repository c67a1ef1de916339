/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

const PHOTO = /\.(jpe?g|png|webp)$/i;

/** Whether a file of an archive looks like a photo that can be shown; what it is, the server finds out. */
export function looksLikePhoto(path: string): boolean {
  return PHOTO.test(path) && !path.startsWith("__MACOSX/") && !baseName(path).startsWith(".");
}

/** The name to save an enhanced archive under: `班级.rar` becomes `班级-limner.zip`. */
export function savedName(archive: string): string {
  return `${archive.replace(/\.[^.]+$/, "") || "photos"}-limner.zip`;
}
