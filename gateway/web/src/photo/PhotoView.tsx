import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { ModelList } from "../api/generated";
import { useLeaveGuard } from "../api/useTask";
import { OptionsBox } from "../options/OptionsBox";
import type { Options } from "../options/options";
import { Icon } from "../ui/Icon";
import { useObjectUrl } from "../ui/useObjectUrl";
import { type Done, PhotoRun } from "./PhotoRun";
import { Result } from "./Result";

interface PhotoViewProps {
  file: File;
  options: Options;
  onOptions: (options: Options) => void;
  models: ModelList | null;
  onLeave: () => void;
}

/** One photo, from sending it to saving it. */
export function PhotoView({ file, options, onOptions, models, onLeave }: PhotoViewProps) {
  const { t } = useTranslation();
  const photo = useObjectUrl(file);
  // The options that it is enhanced with just now; null while nothing runs.
  const [running, setRunning] = useState<Options | null>(options);
  // Kept while it is enhanced again: there is no other copy.
  const [done, setDone] = useState<Done | null>(null);
  const [saved, setSaved] = useState<Done | null>(null);
  const unsaved = done !== null && done !== saved;
  useLeaveGuard(unsaved);
  const enhanceAgain = () => setRunning({ ...options });
  const otherOptions = (
    <OptionsBox title={t("photo.other_options")} options={options} onOptions={onOptions} models={models}>
      <div className="buttons options-run">
        <button type="button" className="button primary" onClick={enhanceAgain}>
          <Icon name="refresh" />
          {t("photo.enhance_again")}
        </button>
      </div>
    </OptionsBox>
  );
  if (running !== null) {
    return (
      <PhotoRun
        file={file}
        photo={photo}
        options={running}
        otherOptions={otherOptions}
        unsaved={unsaved}
        onAgain={enhanceAgain}
        onDone={(next) => {
          setDone(next);
          setRunning(null);
        }}
        onBack={done === null ? null : () => setRunning(null)}
        onLeave={onLeave}
      />
    );
  }
  return done === null ? null : (
    <Result {...done} photo={photo} saved={!unsaved} onSaved={() => setSaved(done)} onLeave={onLeave}>
      {otherOptions}
    </Result>
  );
}
