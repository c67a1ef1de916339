import { type ReactNode, useEffect, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { EnhancementResult } from "../api/generated";
import type { TaskPhase } from "../api/task";
import { useLeaveGuard, useTask } from "../api/useTask";
import type { Options } from "../options/options";
import { FailureNotice } from "../ui/FailureNotice";
import { FocusedHeading } from "../ui/FocusedHeading";
import { LeaveButton } from "../ui/LeaveButton";
import { photoCalls } from "./calls";
import { Working } from "./Working";

export type Done = Pick<Extract<TaskPhase<EnhancementResult>, { name: "done" }>, "state" | "result">;

interface PhotoRunProps {
  file: File;
  /** Address of the file in this page. */
  photo: string | null;
  /** What it is enhanced with; another object begins anew. */
  options: Options;
  /** To choose others, where it failed. */
  otherOptions: ReactNode;
  /** Whether a last result would be lost. */
  unsaved: boolean;
  onDone: (done: Done) => void;
  /** Begins anew, with the options as they are then. */
  onAgain: () => void;
  /** Goes back to the last result; null where there is none. */
  onBack: (() => void) | null;
  onLeave: () => void;
}

/** A photo while it is enhanced. Whoever takes this away, cancels the work. */
export function PhotoRun({ file, photo, options, otherOptions, unsaved, onDone, onBack, ...told }: PhotoRunProps) {
  const { t } = useTranslation();
  const calls = useMemo(() => photoCalls(file, options), [file, options]);
  const phase = useTask<EnhancementResult>(calls);
  useLeaveGuard(phase.name !== "failed");
  const tell = useRef(onDone);
  tell.current = onDone;
  useEffect(() => {
    if (phase.name === "done") {
      tell.current({ state: phase.state, result: phase.result });
    }
  }, [phase]);
  if (phase.name === "done") {
    return null;
  }
  if (phase.name !== "failed") {
    return <Working phase={phase} photo={photo} onCancel={onBack ?? told.onLeave} />;
  }
  return (
    <section className="stack" aria-label={t("photo.failed")}>
      <FocusedHeading>{t("photo.failed")}</FocusedHeading>
      <FailureNotice failure={phase.failure}>
        <div className="buttons">
          <button type="button" className="button primary" onClick={told.onAgain}>
            {t("photo.try_again")}
          </button>
          {onBack !== null && (
            <button type="button" className="button" onClick={onBack}>
              {t("photo.back")}
            </button>
          )}
          <LeaveButton unsaved={unsaved} onLeave={told.onLeave}>
            {t("photo.another")}
          </LeaveButton>
        </div>
      </FailureNotice>
      {otherOptions}
    </section>
  );
}
