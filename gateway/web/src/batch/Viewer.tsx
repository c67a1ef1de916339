import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "../ui/Icon";
import { useObjectUrl } from "../ui/useObjectUrl";
import type { Pair } from "./Photos";

interface ViewerProps {
  pair: Pair;
  place: { number: number; total: number };
  onMove: (by: 1 | -1) => void;
  onClose: () => void;
}

/** One photo of the batch, large, before and after. Escape closes it; the browser gives the focus back. */
export function Viewer({ pair, place, onMove, onClose }: ViewerProps) {
  const { t } = useTranslation();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className="viewer" aria-label={pair.file.name} onClose={onClose}>
      <header>
        <h3>{pair.file.name}</h3>
        <button
          type="button"
          className="button icon-only quiet"
          aria-label={t("batch.close")}
          onClick={() => dialog.current?.close()}
        >
          <Icon name="cross" />
        </button>
      </header>
      <div className={pair.before === null ? "sides single" : "sides"}>
        {pair.before !== null && <Side key={`before ${pair.file.name}`} read={pair.before} label={t("photo.before")} />}
        <Side key={`after ${pair.file.name}`} read={pair.after} label={t("photo.after")} />
      </div>
      <footer>
        <button type="button" className="button" onClick={() => onMove(-1)}>
          {t("batch.previous")}
        </button>
        <span className="fine">{t("batch.place", place)}</span>
        <button type="button" className="button" onClick={() => onMove(1)}>
          {t("batch.next")}
        </button>
      </footer>
    </dialog>
  );
}

function Side({ read, label }: { read: () => Promise<Blob>; label: string }) {
  const [blob, setBlob] = useState<Blob | null>(null);
  useEffect(() => {
    let gone = false;
    read().then(
      (told) => !gone && setBlob(told),
      () => undefined, // the place stays empty
    );
    return () => {
      gone = true;
    };
  }, [read]);
  const url = useObjectUrl(blob);
  return (
    <figure>
      <div className="side">{url !== null && <img src={url} alt={label} />}</div>
      <figcaption className="fine">{label}</figcaption>
    </figure>
  );
}
