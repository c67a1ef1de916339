import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { EnhancementResult, ModelList } from "../api/generated";
import { useLeaveGuard, useTask } from "../api/useTask";
import { OptionsPanel } from "../options/OptionsPanel";
import type { Options } from "../options/options";
import { FailureNotice } from "../ui/FailureNotice";
import { Icon } from "../ui/Icon";
import { useObjectUrl } from "../ui/useObjectUrl";
import { photoCalls } from "./calls";
import { Result } from "./Result";
import { Working } from "./Working";

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
  // What is chosen afterwards counts for the next time only.
  const [used, setUsed] = useState(options);
  const [saved, setSaved] = useState(false);
  const calls = useMemo(() => photoCalls(file, used), [file, used]);
  const { phase, again } = useTask<EnhancementResult>(calls);
  const photo = useObjectUrl(file);
  const busy = phase.name === "sending" || phase.name === "working" || phase.name === "fetching";
  useLeaveGuard(busy || (phase.name === "done" && !saved));
  const enhanceAgain = () => {
    setSaved(false);
    if (options === used) {
      again();
    } else {
      setUsed(options);
    }
  };
  const otherOptions = (
    <details className="card options-box">
      <summary>
        <Icon name="sliders" />
        {t("photo.other_options")}
        <Icon name="chevron" />
      </summary>
      <OptionsPanel options={options} onChange={onOptions} models={models} />
      <div className="buttons options-run">
        <button type="button" className="button primary" onClick={enhanceAgain}>
          <Icon name="refresh" />
          {t("photo.enhance_again")}
        </button>
      </div>
    </details>
  );
  if (phase.name === "failed") {
    return (
      <section className="stack" aria-label={t("photo.failed")}>
        <h2>{t("photo.failed")}</h2>
        <FailureNotice failure={phase.failure}>
          <div className="buttons">
            <button type="button" className="button primary" onClick={enhanceAgain}>
              {t("photo.try_again")}
            </button>
            <button type="button" className="button" onClick={onLeave}>
              {t("photo.another")}
            </button>
          </div>
        </FailureNotice>
        {otherOptions}
      </section>
    );
  }
  if (busy) {
    return <Working phase={phase} photo={photo} onCancel={onLeave} />;
  }
  return (
    <>
      <Result
        state={phase.state}
        result={phase.result}
        photo={photo}
        onSaved={() => setSaved(true)}
        onLeave={onLeave}
      />
      {otherOptions}
    </>
  );
}
