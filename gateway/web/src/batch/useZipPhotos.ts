import { useEffect, useState } from "react";
import { looksLikePhoto } from "./names";
import { readZip, type ZipFile } from "./zip";

/** The photos of an archive in this browser; none where it is a RAR, which only the server can read. */
export function useZipPhotos(archive: File): readonly ZipFile[] {
  const [photos, setPhotos] = useState<readonly ZipFile[]>([]);
  useEffect(() => {
    let gone = false;
    readZip(archive)
      .then((files) => {
        if (!gone) {
          setPhotos(files.filter((file) => looksLikePhoto(file.name)));
        }
      })
      .catch(() => undefined); // the server says what is wrong with it
    return () => {
      gone = true;
    };
  }, [archive]);
  return photos;
}
