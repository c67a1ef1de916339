import { useTranslation } from "react-i18next";
import type { FaceReport, PhotoReport } from "../api/generated";
import { Icon } from "../ui/Icon";
import { NEEDED_PIXELS, shortcomings, treatmentOf, type When } from "./verdict";

/** Each face in plain words: good enough for recognition or not, before and after, and why. */
export function Faces({ report }: { report: PhotoReport }) {
  const { t } = useTranslation();
  return (
    <ol className="faces">
      {report.faces.map((face, index) => {
        const good = face.quality_metrics?.usable.after === true;
        return (
          <li key={face.box.join(" ")} className={good ? "face good" : "face poor"}>
            <h3>
              {t("photo.face", { number: index + 1 })}
              <span className="face-verdict">
                <Icon name={good ? "check" : "warning"} />
                {t(good ? "photo.face_usable" : "photo.face_not_usable")}
              </span>
            </h3>
            <FaceWords face={face} report={report} />
          </li>
        );
      })}
    </ol>
  );
}

/** What is not good enough of a face, before and after, and what was done about it. */
export function FaceWords({ face, report }: { face: FaceReport; report: PhotoReport }) {
  const { t } = useTranslation();
  const treatment = treatmentOf(face, report);
  const percent = Math.round(100 * (face.identity?.share_of_input ?? 0));
  return (
    <>
      {face.quality_metrics != null && (
        <dl className="face-words">
          <Judgement face={face} when="before" />
          <Judgement face={face} when="after" />
        </dl>
      )}
      <p className="fine">{t(`photo.treated.${treatment}`, { percent })}</p>
    </>
  );
}

function Judgement({ face, when }: { face: FaceReport; when: When }) {
  const { t, i18n } = useTranslation();
  const found = shortcomings(face, when);
  return (
    <>
      <dt>{t(`photo.${when}`)}</dt>
      <dd>
        {found.length === 0 && t("photo.good_enough")}
        {found.map(({ reason, ...pixels }) =>
          i18n.exists(`photo.reason.${reason}`) ? (
            <span key={reason}>
              {t(`photo.reason.${reason}` as "photo.reason.blurred", { ...pixels, needed: NEEDED_PIXELS })}
            </span>
          ) : (
            <span key={reason} lang="en">
              {reason}
            </span>
          ),
        )}
      </dd>
    </>
  );
}
