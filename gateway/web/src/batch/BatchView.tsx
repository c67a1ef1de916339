import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { BatchResult } from "../api/generated";
import type { Limits } from "../api/limits";
import { useLeaveGuard, useTask } from "../api/useTask";
import type { Options } from "../options/options";
import { FailureNotice } from "../ui/FailureNotice";
import { FocusedHeading } from "../ui/FocusedHeading";
import { Notice } from "../ui/Notice";
import { BatchDone } from "./BatchDone";
import { BatchWorking } from "./BatchWorking";
import { batchCalls } from "./calls";
import { type Contents, readContents } from "./contents";
import { useZipPhotos } from "./useZipFiles";

interface BatchViewProps {
  file: File;
  options: Options;
  limits: Limits;
  onLeave: () => void;
}

/** An archive of photos, from sending it to saving the enhanced ones. */
export function BatchView({ file, options, limits, onLeave }: BatchViewProps) {
  const { t } = useTranslation();
  // What is chosen afterwards counts for the next archive.
  const [used] = useState(options);
  const [saved, setSaved] = useState(false);
  const calls = useMemo(() => batchCalls(file, used), [file, used]);
  const { phase, again } = useTask<BatchResult>(calls);
  const photos = useZipPhotos(file);
  const contents = useContents(phase.name === "done" ? phase.result.blob : null);
  const busy = phase.name === "sending" || phase.name === "working" || phase.name === "fetching";
  useLeaveGuard(busy || (phase.name === "done" && !saved));
  if (phase.name === "failed") {
    return (
      <section className="stack" aria-label={t("batch.failed")}>
        <FocusedHeading>{t("batch.failed")}</FocusedHeading>
        <FailureNotice failure={phase.failure}>
          <div className="buttons">
            <button type="button" className="button primary" onClick={again}>
              {t("batch.try_again")}
            </button>
            <button type="button" className="button" onClick={onLeave}>
              {t("batch.another")}
            </button>
          </div>
        </FailureNotice>
      </section>
    );
  }
  if (busy) {
    return <BatchWorking phase={phase} name={file.name} photos={photos} limits={limits} onCancel={onLeave} />;
  }
  return (
    <BatchDone
      state={phase.state}
      archive={phase.result.blob}
      contents={contents}
      originals={photos}
      name={file.name}
      limits={limits}
      onSaved={() => setSaved(true)}
      onLeave={onLeave}
    >
      {contents === "unreadable" && <Notice tone="warn">{t("batch.unreadable")}</Notice>}
    </BatchDone>
  );
}

/** What the archive holds, once it has been read. */
function useContents(archive: Blob | null): Contents | "unreadable" | null {
  const [contents, setContents] = useState<Contents | "unreadable" | null>(null);
  useEffect(() => {
    setContents(null);
    if (archive === null) {
      return;
    }
    let gone = false;
    const tell = (told: Contents | "unreadable") => {
      if (!gone) {
        setContents(told);
      }
    };
    readContents(archive).then(tell, () => tell("unreadable"));
    return () => {
      gone = true;
    };
  }, [archive]);
  return contents;
}
