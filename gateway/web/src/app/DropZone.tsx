import { useCallback, useEffect, useRef, useState } from "react";
import { useDropzone } from "react-dropzone";
import { useTranslation } from "react-i18next";
import type { Limits } from "../api/limits";
import { ARCHIVE_TYPES, checkFile, type FileKind, PHOTO_TYPES, type Refusal } from "../files/check";
import { Icon } from "../ui/Icon";
import { Notice } from "../ui/Notice";

interface DropZoneProps {
  limits: Limits;
  onFile: (file: File, kind: FileKind) => void;
}

interface Refused {
  refusal: Refusal | "several";
  size: number;
}

/** Takes a file that is dropped, pasted, chosen or photographed, and looks at it before anything is sent. */
export function DropZone({ limits, onFile }: DropZoneProps) {
  const { t } = useTranslation();
  const [refused, setRefused] = useState<Refused | null>(null);
  const archiveInput = useRef<HTMLInputElement>(null);
  const cameraInput = useRef<HTMLInputElement>(null);

  const take = useCallback(
    async (files: readonly File[]) => {
      const file = files[0];
      if (file === undefined) {
        return;
      }
      if (files.length > 1) {
        setRefused({ refusal: "several", size: 0 });
        return;
      }
      const checked = await checkFile(file, limits);
      if (checked.refusal !== undefined) {
        setRefused({ refusal: checked.refusal, size: file.size });
      } else {
        onFile(file, checked.kind);
      }
    },
    [limits, onFile],
  );

  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length > 0) {
        event.preventDefault();
        void take(files);
      }
    };
    addEventListener("paste", paste);
    return () => removeEventListener("paste", paste);
  }, [take]);

  // All types are let through here: what a file is, its first bytes say.
  const { getRootProps, getInputProps, isDragActive, open } = useDropzone({
    onDrop: (files) => void take(files),
    noClick: true,
    noKeyboard: true,
  });

  const megabytes = (bytes: number) => Number((bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0));
  const limit = refused?.refusal === "archive-too-large" ? limits.maxArchiveBytes : limits.maxUploadBytes;
  return (
    <section className="stack" aria-label={t("drop.label")}>
      <div {...getRootProps({ className: isDragActive ? "drop active" : "drop" })}>
        <input {...getInputProps({ accept: `${PHOTO_TYPES},${ARCHIVE_TYPES}`, "aria-label": t("drop.label") })} />
        <Icon name="photo" />
        <p className="drop-title">
          {isDragActive ? (
            t("drop.active")
          ) : (
            <>
              <span className="for-mouse">{t("drop.title")}</span>
              <span className="for-touch">{t("drop.title_touch")}</span>
            </>
          )}
        </p>
        <div className="buttons">
          <button type="button" className="button primary" onClick={open}>
            {t("drop.choose")}
          </button>
          <button type="button" className="button camera" onClick={() => cameraInput.current?.click()}>
            <Icon name="camera" />
            {t("drop.camera")}
          </button>
        </div>
        <p className="fine">{t("drop.hint", { photo: megabytes(limits.maxUploadBytes) })}</p>
        <button type="button" className="button quiet" onClick={() => archiveInput.current?.click()}>
          <Icon name="archive" />
          {t("drop.batch")}
        </button>
        <p className="fine">{t("drop.archive_hint", { archive: megabytes(limits.maxArchiveBytes) })}</p>
      </div>
      <FileInput input={archiveInput} accept={ARCHIVE_TYPES} label={t("drop.batch")} onFiles={take} />
      <FileInput input={cameraInput} accept="image/jpeg" capture label={t("drop.camera")} onFiles={take} />
      {refused !== null && (
        <Notice tone="bad" urgent>
          {refused.refusal === "several"
            ? t("drop.several")
            : t(`refusal.${refused.refusal}`, { size: megabytes(refused.size), limit: megabytes(limit) })}
        </Notice>
      )}
    </section>
  );
}

interface FileInputProps {
  input: React.RefObject<HTMLInputElement | null>;
  accept: string;
  capture?: boolean;
  label: string;
  onFiles: (files: readonly File[]) => void;
}

/** A file chooser that a button opens. */
function FileInput({ input, accept, capture = false, label, onFiles }: FileInputProps) {
  return (
    <input
      ref={input}
      type="file"
      hidden
      aria-label={label}
      accept={accept}
      capture={capture ? "user" : undefined}
      onChange={(event) => {
        onFiles([...(event.target.files ?? [])]);
        event.target.value = ""; // the same file may be chosen again
      }}
    />
  );
}
