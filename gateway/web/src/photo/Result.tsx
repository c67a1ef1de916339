import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { EnhancementResult } from "../api/generated";
import type { FetchedResult } from "../api/task";
import { FocusedHeading } from "../ui/FocusedHeading";
import { Icon } from "../ui/Icon";
import { LeaveButton } from "../ui/LeaveButton";
import { proposedName, saveBlob } from "../ui/saveBlob";
import { useObjectUrl } from "../ui/useObjectUrl";
import { Comparison } from "./Comparison";
import { Facts } from "./Facts";
import { Summary } from "./Summary";

interface ResultProps {
  state: EnhancementResult;
  result: FetchedResult;
  /** Address of the photo as it was sent. */
  photo: string | null;
  saved: boolean;
  onSaved: () => void;
  onLeave: () => void;
  /** What else can be done. */
  children: ReactNode;
}

/** The photo before and after, what can be done with it, and what it is worth. */
export function Result({ state, result, photo, saved, onSaved, onLeave, children }: ResultProps) {
  const { t } = useTranslation();
  const enhanced = useObjectUrl(result.blob);
  const { report } = state;
  const save = () => {
    saveBlob(result.blob, proposedName(result.disposition, "limner"));
    onSaved();
  };
  return (
    <section className="photo" aria-label={t("photo.done")}>
      <FocusedHeading hidden>{t("photo.done")}</FocusedHeading>
      <div className="stage">{report !== null && <Comparison before={photo} after={enhanced} report={report} />}</div>
      <div className="beside stack">
        <div className="buttons actions">
          <button type="button" className="button primary" onClick={save}>
            <Icon name="download" />
            {t("photo.save")}
          </button>
          <LeaveButton unsaved={!saved} icon="photo" onLeave={onLeave}>
            {t("photo.another")}
          </LeaveButton>
        </div>
        <p className="privacy fine" role="status">
          <Icon name={saved ? "check" : "shield"} />
          {t(saved ? "photo.saved" : "photo.deleted")}
        </p>
        {report !== null && <Summary report={report} />}
      </div>
      <div className="more stack">
        {report !== null && <Facts state={state} report={report} />}
        {children}
      </div>
    </section>
  );
}
