import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../api/failure";
import { Notice } from "./Notice";

interface FailureNoticeProps {
  failure: Failure;
  /** What can be done about it: buttons. */
  children?: ReactNode;
}

/** What went wrong and what to do, in the page's language; the server's own words where the page has none. */
export function FailureNotice({ failure, children }: FailureNoticeProps) {
  const { t, i18n } = useTranslation();
  const known = i18n.exists(`problem.${failure.kind}`);
  return (
    <Notice tone="bad" urgent>
      <p>
        {known ? t(`problem.${failure.kind}` as "problem.network") : failure.detail || t("problem.unexpected-answer")}
      </p>
      {failure.retryAfter !== null && <p>{t("problem.retry_after", { count: failure.retryAfter })}</p>}
      {failure.requestId !== null && <p className="fine">{t("problem.request_id", { id: failure.requestId })}</p>}
      {children}
    </Notice>
  );
}
