import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { BatchResult, ModelList } from "../api/generated";
import type { Limits } from "../api/limits";
import { useLeaveGuard, useTask } from "../api/useTask";
import { OptionsBox } from "../options/OptionsBox";
import type { Options } from "../options/options";
import { FailureNotice } from "../ui/FailureNotice";
import { FocusedHeading } from "../ui/FocusedHeading";
import { Notice } from "../ui/Notice";
import { BatchDone } from "./BatchDone";
import { BatchWorking } from "./BatchWorking";
import { batchCalls } from "./calls";
import { type Contents, readContents } from "./contents";
import { useZipPhotos } from "./useZipPhotos";

interface BatchViewProps {
  file: File;
  options: Options;
  onOptions: (options: Options) => void;
  models: ModelList | null;
  limits: Limits;
  onLeave: () => void;
}

/** An archive of photos, from sending it to saving the enhanced ones. */
export function BatchView({ file, options, onOptions, models, limits, onLeave }: BatchViewProps) {
  const { t } = useTranslation();
  // What is chosen afterwards counts for the next try; another object begins it.
  const [used, setUsed] = useState(options);
  const [saved, setSaved] = useState(false);
  const calls = useMemo(() => batchCalls(file, used), [file, used]);
  const phase = useTask<BatchResult>(calls);
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
            <button type="button" className="button primary" onClick={() => setUsed({ ...options })}>
              {t("batch.try_again")}
            </button>
            <button type="button" className="button" onClick={onLeave}>
              {t("batch.another")}
            </button>
          </div>
        </FailureNotice>
        <OptionsBox title={t("options.title")} options={options} onOptions={onOptions} models={models} />
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
      saved={saved}
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
