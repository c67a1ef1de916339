import { useTranslation } from "react-i18next";
import type { EnhancementResult } from "../api/generated";
import type { TaskPhase } from "../api/task";
import { Icon } from "../ui/Icon";
import { Notice } from "../ui/Notice";
import { ProgressBar } from "../ui/ProgressBar";
import { StillThere } from "../ui/StillThere";

type Busy = Extract<TaskPhase<EnhancementResult>, { name: "sending" | "working" | "fetching" }>;

interface WorkingProps {
  phase: Busy;
  /** Address of the photo in this page. */
  photo: string | null;
  onCancel: () => void;
}

/** How far the photo is. */
export function Working({ phase, photo, onCancel }: WorkingProps) {
  const { t } = useTranslation();
  const { step, detail, value } = useProgress(phase);
  return (
    <section className="working card" aria-label={t("photo.working")}>
      <div className="working-photo">{photo !== null && <img src={photo} alt={t("photo.yours")} />}</div>
      <div className="stack">
        {/* Only the step is read out, not each percent. */}
        <h2 aria-live="polite">{step}</h2>
        <ProgressBar label={step} value={value} />
        <p className="detail">{detail}</p>
        {phase.name !== "sending" && !phase.connected && (
          <Notice tone="warn" urgent>
            <p>{t(phase.name === "working" ? "photo.connection_lost" : "photo.fetch_lost")}</p>
            {phase.name === "fetching" && <StillThere expiresAt={phase.state.expires_at} />}
          </Notice>
        )}
        <p className="privacy fine">
          <Icon name="shield" />
          {t("photo.only_memory")}
        </p>
        <div className="buttons">
          <button type="button" className="button" onClick={onCancel}>
            {t("photo.cancel")}
          </button>
        </div>
      </div>
    </section>
  );
}

interface Shown {
  step: string;
  detail: string;
  value: number | null;
}

function useProgress(phase: Busy): Shown {
  const { t } = useTranslation();
  if (phase.name === "sending") {
    return {
      step: t("photo.sending"),
      detail: t("photo.percent", { percent: Math.round(100 * phase.sent) }),
      value: phase.sent,
    };
  }
  if (phase.name === "fetching") {
    return { step: t("photo.fetching"), detail: "", value: null };
  }
  const { queue_position: place, progress = 0, estimated_seconds: seconds } = phase.state ?? {};
  const waits = phase.state?.status === "pending" && place != null;
  const left = seconds == null || seconds < 1 ? "" : t("photo.left", { count: Math.ceil(seconds) });
  return {
    step: waits ? t("photo.waiting") : t("photo.at_work"),
    detail: waits ? [t("photo.place", { place }), left].filter(Boolean).join(" · ") : left,
    value: progress > 0 ? progress : null,
  };
}
