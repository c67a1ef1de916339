import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { EnhancementResult } from "../api/generated";
import type { TaskPhase } from "../api/task";
import { FocusedHeading } from "../ui/FocusedHeading";
import { Icon } from "../ui/Icon";
import { Notice } from "../ui/Notice";
import { ProgressBar } from "../ui/ProgressBar";
import { StillThere } from "../ui/StillThere";
import { frameStyle } from "./frame";
import { Picture } from "./Picture";
import type { Size } from "./zoom";

type Busy = Extract<TaskPhase<EnhancementResult>, { name: "sending" | "working" | "fetching" }>;

interface WorkingProps {
  phase: Busy;
  /** Address of the photo in this page. */
  photo: string | null;
  onCancel: () => void;
}

const UNKNOWN_SIZE: Size = { width: 4, height: 5 };

/** How far the photo is; the photo lies where the comparison will. */
export function Working({ phase, photo, onCancel }: WorkingProps) {
  const { t } = useTranslation();
  const [size, setSize] = useState(UNKNOWN_SIZE);
  const { step, detail, value } = useProgress(phase);
  return (
    <section className="photo" aria-label={t("photo.heading")}>
      <div className="stage">
        <div className="frame working" style={frameStyle(size)}>
          <Picture src={photo} alt={t("photo.yours")} onSize={setSize} />
        </div>
      </div>
      <div className="beside stack card">
        {/* Only the step is read out, not each percent. */}
        <FocusedHeading live>{step}</FocusedHeading>
        <ProgressBar label={step} value={value} />
        <p className="progress-detail fine">{detail}</p>
        {phase.name !== "sending" && !phase.connected && (
          <Notice tone="warn" urgent>
            {t(phase.name === "working" ? "photo.connection_lost" : "photo.fetch_lost")}
          </Notice>
        )}
        <p className="privacy fine">
          <Icon name="shield" />
          {t(phase.name === "fetching" ? "photo.photo_gone" : "photo.only_memory")}
        </p>
        {phase.name === "fetching" && <StillThere expiresAt={phase.state.expires_at} />}
        <div className="buttons">
          <button type="button" className="button" onClick={onCancel}>
            <Icon name="cross" />
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
  /** 0 to 1; null where nobody knows. */
  value: number | null;
}

function useProgress(phase: Busy): Shown {
  const { t } = useTranslation();
  if (phase.name === "sending") {
    const percent = Math.round(100 * phase.sent);
    return { step: t("photo.sending"), detail: t("photo.percent", { percent }), value: phase.sent };
  }
  if (phase.name === "fetching") {
    return { step: t("photo.fetching"), detail: "", value: null };
  }
  const { status, queue_position: place = null, progress = 0, estimated_seconds: seconds = null } = phase.state ?? {};
  if (status === "pending") {
    return { step: t("photo.waiting"), detail: place === null ? "" : t("photo.place", { count: place }), value: null };
  }
  return {
    step: t("photo.at_work"),
    detail: seconds === null ? t("photo.at_work_hint") : t("photo.left", { count: Math.max(1, Math.ceil(seconds)) }),
    value: progress > 0 ? progress : null,
  };
}
