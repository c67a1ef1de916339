import { useTranslation } from "react-i18next";
import type { FaceMetrics, FaceParts, PhotoMetrics } from "../api/generated";

interface MetricsTableProps {
  caption: string;
  metrics: PhotoMetrics | FaceMetrics;
  /** Measured in the result only. */
  parts: FaceParts | null;
}

const NOTHING = "–";
const shown = (value: number | null) => value?.toFixed(2) ?? NOTHING;

export function MetricsTable({ caption, metrics, parts }: MetricsTableProps) {
  const { t } = useTranslation();
  const { before } = metrics;
  const rows: [string, string, string][] = [
    [t("photo.sharpness"), shown(before.sharpness_score), shown(metrics.sharpness_score)],
    [t("photo.face_quality"), shown(before.face_quality_score), shown(metrics.face_quality_score)],
    [t("photo.ratio"), shown(1), shown(metrics.enhancement_ratio)],
    [t("photo.identity"), NOTHING, shown(metrics.identity_preservation)],
  ];
  if (parts !== null) {
    rows.push(
      [t("photo.eyes"), NOTHING, parts.inter_eye_distance.toFixed(1)],
      [t("photo.detail"), NOTHING, parts.effective_eye_distance.toFixed(1)],
      [t("photo.exposure"), NOTHING, shown(parts.exposure)],
      [t("photo.contrast"), NOTHING, shown(parts.contrast)],
      [t("photo.pose"), NOTHING, shown(parts.pose)],
      [t("photo.visible"), NOTHING, shown(parts.visible)],
    );
  }
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
        {rows.map(([name, ...values]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{values[0]}</td>
            <td>{values[1]}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
