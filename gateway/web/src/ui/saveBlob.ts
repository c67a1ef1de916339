/** Have the browser save `blob` as a file of this name. */
export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // The download has to have begun before its address goes.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The name that a `Content-Disposition` proposes (RFC 6266), or `fallback`. */
export function proposedName(disposition: string | null, fallback: string): string {
  const extended = /filename\*=utf-8''([^;]+)/i.exec(disposition ?? "")?.[1];
  const plain = /filename="((?:[^"\\]|\\.)*)"/i.exec(disposition ?? "")?.[1];
  try {
    return extended === undefined ? (plain?.replace(/\\(.)/g, "$1") ?? fallback) : decodeURIComponent(extended);
  } catch {
    return fallback; // not well-formed
  }
}
