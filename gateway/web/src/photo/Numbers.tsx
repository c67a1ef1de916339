import { useTranslation } from "react-i18next";
import type { FaceMetrics, FaceReport, PhotoMetrics, PhotoReport } from "../api/generated";

interface NumbersProps {
  report: PhotoReport;
  /** Seconds it took. */
  seconds: number | null;
}

/** The figures behind the words. */
export function Numbers({ report, seconds }: NumbersProps) {
  const { t } = useTranslation();
  return (
    <div className="numbers stack">
      <MetricsTable caption={t("photo.whole")} metrics={report.quality_metrics} />
      {report.faces.map((face: FaceReport, index) =>
        face.quality_metrics == null ? null : (
          <MetricsTable
            key={face.box.join(" ")}
            caption={t("photo.face", { number: index + 1 })}
            metrics={face.quality_metrics}
          />
        ),
      )}
      <dl className="facts">
        <dt>{t("photo.time")}</dt>
        <dd>{seconds === null ? "–" : t("photo.seconds", { seconds: seconds.toFixed(1) })}</dd>
        {Object.entries(report.models).map(([role, used]) => (
          <Model
            key={role}
            role={role}
            name={used.variant ?? used.name}
            precision={used.precision ?? null}
            reason={used.reason ?? null}
          />
        ))}
      </dl>
    </div>
  );
}

function MetricsTable({ caption, metrics }: { caption: string; metrics: PhotoMetrics | FaceMetrics }) {
  const { t } = useTranslation();
  const shown = (value: number | null) => (value === null ? "–" : value.toFixed(2));
  return (
    <table>
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col">{t("photo.metric")}</th>
          <th scope="col">{t("photo.before")}</th>
          <th scope="col">{t("photo.after")}</th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">{t("photo.sharpness")}</th>
          <td>{shown(metrics.before.sharpness_score)}</td>
          <td>{shown(metrics.sharpness_score)}</td>
        </tr>
        <tr>
          <th scope="row">{t("photo.face_quality")}</th>
          <td>{shown(metrics.before.face_quality_score)}</td>
          <td>{shown(metrics.face_quality_score)}</td>
        </tr>
        <tr>
          <th scope="row">{t("photo.ratio")}</th>
          <td>1.00</td>
          <td>{shown(metrics.enhancement_ratio)}</td>
        </tr>
        <tr>
          <th scope="row">{t("photo.identity")}</th>
          <td>–</td>
          <td>{shown(metrics.identity_preservation)}</td>
        </tr>
      </tbody>
    </table>
  );
}

interface ModelProps {
  role: string;
  name: string | null;
  precision: string | null;
  /** Why nobody fills the role; of the server, in English. */
  reason: string | null;
}

function Model({ role, name, precision, reason }: ModelProps) {
  const { t, i18n } = useTranslation();
  const known = i18n.exists(`photo.role.${role}`);
  return (
    <>
      <dt>{known ? t(`photo.role.${role}` as "photo.role.detector") : role}</dt>
      <dd>
        {name ?? t("photo.nobody")}
        {precision !== null && ` (${precision.toUpperCase()})`}
        {reason !== null && (
          <span className="fine" lang="en">
            {reason}
          </span>
        )}
      </dd>
    </>
  );
}
