import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { EnhancementResult } from "../api/generated";
import type { FetchedResult } from "../api/task";
import { Icon } from "../ui/Icon";
import { Notice } from "../ui/Notice";
import { proposedName, saveBlob } from "../ui/saveBlob";
import { useObjectUrl } from "../ui/useObjectUrl";
import { Comparison } from "./Comparison";
import { Summary } from "./Summary";

interface ResultProps {
  state: EnhancementResult;
  result: FetchedResult;
  /** Address of the photo as it was sent. */
  photo: string | null;
  onSaved: () => void;
  onLeave: () => void;
}

/** The photo before and after, what it is worth, and what can be done with it. */
export function Result({ state, result, photo, onSaved, onLeave }: ResultProps) {
  const { t } = useTranslation();
  const enhanced = useObjectUrl(result.blob);
  const [outlined, setOutlined] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []); // what had the focus is gone
  const { report } = state;
  const save = () => {
    saveBlob(result.blob, proposedName(result.disposition, "limner"));
    onSaved();
  };
  return (
    <section className="result" aria-label={t("photo.result")}>
      <h2 ref={heading} tabIndex={-1} className="hidden">
        {t("photo.done")}
      </h2>
      {report !== null && photo !== null && enhanced !== null && (
        <Comparison before={photo} after={enhanced} report={report} outlined={outlined} />
      )}
      <div className="beside stack">
        <div className="buttons">
          <button type="button" className="button primary save" onClick={save}>
            <Icon name="download" />
            {t("photo.save")}
          </button>
          {report !== null && report.faces.length > 0 && (
            <button type="button" className="button" aria-pressed={outlined} onClick={() => setOutlined(!outlined)}>
              <Icon name="face" />
              {t("photo.outline")}
            </button>
          )}
          <button type="button" className="button" onClick={onLeave}>
            <Icon name="trash" />
            {t("photo.another")}
          </button>
        </div>
        <Notice tone="good">{t("photo.deleted")}</Notice>
        {report !== null && <Summary state={state} report={report} />}
      </div>
    </section>
  );
}
