import { useTranslation } from "react-i18next";
import type { FaceReport, PhotoReport } from "../api/generated";
import { Icon } from "../ui/Icon";
import { whyNotRestored } from "./verdict";

/** Each face in plain words: good enough for recognition or not, before and after, and why. */
export function Faces({ report }: { report: PhotoReport }) {
  return (
    <ol className="faces">
      {report.faces.map((face, index) => (
        <Face key={face.box.join(" ")} face={face} number={index + 1} report={report} />
      ))}
    </ol>
  );
}

function Face({ face, number, report }: { face: FaceReport; number: number; report: PhotoReport }) {
  const { t, i18n } = useTranslation();
  const { usable, reasons, parts } = face.quality_metrics ?? {};
  const unrestored = whyNotRestored(face, report);
  const good = usable?.after === true;
  const sentence = (reason: string) =>
    i18n.exists(`photo.reason.${reason}`)
      ? t(`photo.reason.${reason}` as "photo.reason.blurred", {
          eyes: Math.round(parts?.inter_eye_distance ?? 0),
          detail: Math.round(parts?.effective_eye_distance ?? 0),
        })
      : reason;
  return (
    <li className={good ? "face good" : "face poor"}>
      <h3>
        <Icon name={good ? "check" : "warning"} />
        {t("photo.face", { number })}
        {usable !== undefined && <span>{t(good ? "photo.face_usable" : "photo.face_not_usable")}</span>}
      </h3>
      {reasons !== undefined && reasons.after.length > 0 && (
        <ul>
          {reasons.after.map((reason) => (
            <li key={reason}>{sentence(reason)}</li>
          ))}
        </ul>
      )}
      {usable !== undefined && (
        <p className="fine">{t(usable.before ? "photo.usable_before" : "photo.not_usable_before")}</p>
      )}
      {unrestored !== null && <p className="fine">{t(`photo.unrestored.${unrestored}`)}</p>}
    </li>
  );
}
