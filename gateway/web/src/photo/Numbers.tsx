import { useTranslation } from "react-i18next";
import type { PhotoReport } from "../api/generated";
import { MetricsTable } from "./MetricsTable";

/** The figures behind the words, and the models. */
export function Numbers({ report }: { report: PhotoReport }) {
  const { t, i18n } = useTranslation();
  return (
    <div className="numbers stack">
      <p className="fine">{t("photo.own_limits")}</p>
      <MetricsTable caption={t("photo.whole")} metrics={report.quality_metrics} parts={null} />
      {report.faces.map(({ box, quality_metrics: metrics }, index) =>
        metrics == null ? null : (
          <MetricsTable
            key={box.join(" ")}
            caption={t("photo.face", { number: index + 1 })}
            metrics={metrics}
            parts={metrics.parts}
          />
        ),
      )}
      <table>
        <caption>{t("photo.models")}</caption>
        <tbody>
          {Object.entries(report.models).map(([role, { name, variant, precision, reason }]) => (
            <tr key={role}>
              <th scope="row">
                {i18n.exists(`photo.role.${role}`) ? t(`photo.role.${role}` as "photo.role.detector") : role}
              </th>
              <td className="model">
                {variant ?? name ?? t("photo.nobody")}
                {precision != null && `, ${precision.toUpperCase()}`}
                {reason != null && (
                  <span className="fine" lang="en">
                    {reason}
                  </span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
