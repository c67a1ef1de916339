import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import type { BatchResult } from "../api/generated";
import type { Limits } from "../api/limits";
import type { TaskPhase } from "../api/task";
import { FocusedHeading } from "../ui/FocusedHeading";
import { Icon } from "../ui/Icon";
import { Notice } from "../ui/Notice";
import { ProgressBar } from "../ui/ProgressBar";
import { StillThere } from "../ui/StillThere";
import { baseName } from "./names";
import { Thumbnail } from "./Thumbnail";
import type { ZipFile } from "./zip";

interface BatchWorkingProps {
  phase: Extract<TaskPhase<BatchResult>, { name: "sending" | "working" | "fetching" }>;
  /** The archive's. */
  name: string;
  photos: readonly ZipFile[];
  limits: Limits;
  onCancel: () => void;
}

const MOST_SHOWN = 60;

/** How far the batch is: n of m. */
export function BatchWorking({ phase, name, photos, limits, onCancel }: BatchWorkingProps) {
  const { t } = useTranslation();
  const state = phase.name === "sending" ? null : phase.state;
  const total = state?.total_files ?? 0;
  const done = state === null ? 0 : state.processed_files + state.failed_files + state.skipped_files;
  const counted = phase.name === "working" && total > 0;
  const step = counted ? t("batch.count", { done, total }) : t(`batch.${phase.name}`);
  const seconds = state?.estimated_seconds ?? null;
  return (
    <section className="card stack" aria-label={t("batch.working_label")}>
      <p className="batch-name">
        <Icon name="archive" />
        {name}
      </p>
      <FocusedHeading className={counted ? "batch-count" : ""}>{step}</FocusedHeading>
      {/* Each step is read out, not each photo. */}
      <p className="hidden" aria-live="polite">
        {t(`batch.${phase.name}`)}
      </p>
      <ProgressBar label={t("batch.progress")} value={partOf(phase, done, total)} />
      <p className="batch-detail">
        {phase.name === "sending" && t("photo.percent", { percent: Math.round(100 * phase.sent) })}
        {counted && <Counts state={state} />}
        {counted && seconds !== null && seconds >= 1 && <span>{t("photo.left", { count: Math.ceil(seconds) })}</span>}
      </p>
      {phase.name !== "sending" && !phase.connected && (
        <Notice tone="warn" urgent>
          {t(phase.name === "working" ? "batch.connection_lost" : "photo.fetch_lost")}
        </Notice>
      )}
      <ul className="thumbnails" aria-label={t("batch.thumbnails")}>
        {photos.slice(0, MOST_SHOWN).map((photo) => (
          <Waiting key={photo.index} photo={photo} most={limits.maxUploadBytes} />
        ))}
      </ul>
      {photos.length > MOST_SHOWN && <p className="fine">{t("batch.more", { count: photos.length - MOST_SHOWN })}</p>}
      <p className="privacy fine">
        <Icon name="shield" />
        {t(phase.name === "fetching" ? "batch.photos_gone" : "batch.only_memory")}
      </p>
      {phase.name === "fetching" && <StillThere expiresAt={phase.state.expires_at} />}
      <div className="buttons">
        <button type="button" className="button" onClick={onCancel}>
          {t("photo.cancel")}
        </button>
      </div>
    </section>
  );
}

function partOf(phase: BatchWorkingProps["phase"], done: number, total: number): number | null {
  if (phase.name === "sending") {
    return phase.sent;
  }
  return phase.name === "working" && total > 0 ? done / total : null;
}

function Counts({ state }: { state: BatchResult | null }) {
  const { t } = useTranslation();
  const counts = [
    ["enhanced", state?.processed_files ?? 0],
    ["failed_files", state?.failed_files ?? 0],
    ["skipped", state?.skipped_files ?? 0],
  ] as const;
  return counts.map(([name, count]) => (count === 0 ? null : <span key={name}>{t(`batch.${name}`, { count })}</span>));
}

function Waiting({ photo, most }: { photo: ZipFile; most: number }) {
  const read = useCallback(() => photo.read(most), [photo, most]);
  return (
    <li>
      <Thumbnail read={read} label={baseName(photo.name)} />
    </li>
  );
}
