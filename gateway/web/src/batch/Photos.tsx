import { useCallback, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { FileReport } from "../api/generated";
import { worthOf } from "./contents";
import { baseName, byReportedName } from "./names";
import { Thumbnail } from "./Thumbnail";
import { Viewer } from "./Viewer";
import type { ZipFile } from "./zip";

interface PhotosProps {
  files: readonly FileReport[];
  results: ReadonlyMap<string, ZipFile>;
  originals: readonly ZipFile[];
  /** Bytes that an original may have, to be shown. */
  most: number;
}

/** An enhanced photo and, where this browser can read it, the photo as it was sent. */
export interface Pair {
  file: FileReport;
  after: () => Promise<Blob>;
  before: (() => Promise<Blob>) | null;
}

const LARGEST_RESULT = 1_000_000_000;

/** The enhanced photos as thumbnails; each opens larger, beside the photo as it was sent. */
export function Photos({ files, results, originals, most }: PhotosProps) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<number | null>(null);
  const pairs = useMemo(() => {
    const sent = byReportedName(originals);
    return files.flatMap((file): Pair[] => {
      const after = results.get(file.result ?? "");
      const before = sent.get(file.name);
      return after === undefined
        ? []
        : [{ file, after: () => after.read(LARGEST_RESULT), before: before ? () => before.read(most) : null }];
    });
  }, [files, results, originals, most]);
  const pair = open === null ? undefined : pairs[open];
  return (
    <>
      <ul className="thumbnails photos" aria-label={t("batch.photos")}>
        {pairs.map((each, index) => (
          <li key={each.file.name}>
            <PhotoButton pair={each} onOpen={() => setOpen(index)} />
          </li>
        ))}
      </ul>
      {pair !== undefined && open !== null && (
        <Viewer
          pair={pair}
          place={{ number: open + 1, total: pairs.length }}
          onMove={(by) => setOpen((open + by + pairs.length) % pairs.length)}
          onClose={() => setOpen(null)}
        />
      )}
    </>
  );
}

function PhotoButton({ pair, onOpen }: { pair: Pair; onOpen: () => void }) {
  const { t } = useTranslation();
  const read = useCallback(() => pair.after(), [pair]);
  const worth = worthOf(pair.file);
  const faces = pair.file.faces?.length ?? 0;
  return (
    <button type="button" className="photo-button" onClick={onOpen}>
      <Thumbnail read={read} label="" />
      <span className="photo-name">{baseName(pair.file.name)}</span>
      <span className={`chip ${worth}`}>{t(`batch.badge.${worth}`)}</span>
      {faces > 1 && <span className="fine">{t("batch.faces", { count: faces })}</span>}
    </button>
  );
}
