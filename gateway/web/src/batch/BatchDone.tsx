import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Failure } from "../api/failure";
import type { BatchResult } from "../api/generated";
import type { Limits } from "../api/limits";
import { FailureNotice } from "../ui/FailureNotice";
import { FocusedHeading } from "../ui/FocusedHeading";
import { Icon } from "../ui/Icon";
import { LeaveButton } from "../ui/LeaveButton";
import { Notice } from "../ui/Notice";
import { saveBlob } from "../ui/saveBlob";
import { type Contents, tally, withStatus } from "./contents";
import { savedName } from "./names";
import { Photos } from "./Photos";
import { Refused } from "./Refused";
import type { ZipFile } from "./zip";

interface BatchDoneProps {
  state: BatchResult;
  archive: Blob;
  /** Null until the archive has been read. */
  contents: Contents | "unreadable" | null;
  /** The photos as they were sent; none of a RAR. */
  originals: readonly ZipFile[];
  /** The sent archive's. */
  name: string;
  limits: Limits;
  saved: boolean;
  onSaved: () => void;
  onLeave: () => void;
  children: ReactNode;
}

/** What became of the batch. */
export function BatchDone({ state, archive, contents, originals, name, limits, ...told }: BatchDoneProps) {
  const { t } = useTranslation();
  const read = contents === null || contents === "unreadable" ? null : contents;
  const completed = read === null ? [] : withStatus(read, "completed");
  const worth = tally(completed);
  const save = () => {
    saveBlob(archive, savedName(name));
    told.onSaved();
  };
  return (
    <section className="stack" aria-label={t("batch.result")}>
      <FocusedHeading className="batch-count">
        {t("batch.done", { done: state.processed_files, total: state.processed_files + state.failed_files })}
      </FocusedHeading>
      <div className="buttons">
        <button type="button" className="button primary" onClick={save}>
          <Icon name="download" />
          {t("batch.save")}
        </button>
        <LeaveButton unsaved={!told.saved} icon="trash" onLeave={told.onLeave}>
          {t("batch.another")}
        </LeaveButton>
      </div>
      <Notice tone="good">{t("batch.deleted")}</Notice>
      {state.error_type !== null && (
        <FailureNotice failure={new Failure(state.error_type, state.error_message ?? "")}>
          <p>{t("batch.broken")}</p>
        </FailureNotice>
      )}
      {told.children}
      {read !== null && (
        <>
          <Refused title="failed_title" files={withStatus(read, "failed")} tone="bad" />
          {completed.length > 0 && (
            <p className="worth">
              {(["usable", "some", "not-usable", "no-face"] as const).map((verdict) =>
                worth[verdict] === 0 ? null : (
                  <span key={verdict} className={`chip ${verdict}`}>
                    {t(`batch.worth.${verdict}`, { count: worth[verdict] })}
                  </span>
                ),
              )}
            </p>
          )}
          <Photos files={completed} results={read.results} originals={originals} most={limits.maxUploadBytes} />
          <Refused title="skipped_title" files={withStatus(read, "skipped")} tone="info" />
        </>
      )}
    </section>
  );
}
