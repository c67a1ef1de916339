import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { EnhancementResult, PhotoReport } from "../api/generated";
import { Icon } from "../ui/Icon";
import { Numbers } from "./Numbers";
import { formatName } from "./notes";
import { gainOf, personOf } from "./verdict";

/** What has changed, and how: one line each. */
export function Facts({ state, report }: { state: EnhancementResult; report: PhotoReport }) {
  const { t } = useTranslation();
  const { input, output, quality_metrics: metrics, models, faces } = report;
  const { enhancement_ratio: ratio } = metrics;
  const megabytes = output.bytes / 1e6;
  const format = formatName(output.format);
  const background = models.background;
  return (
    <section className="card facts-box" aria-label={t("photo.changed")}>
      <h3>{t("photo.changed")}</h3>
      <dl className="facts">
        {ratio !== null && (
          <Fact name={t("photo.facts.detail")}>{t(`photo.gain.${gainOf(ratio)}`, { ratio: ratio.toFixed(1) })}</Fact>
        )}
        <Fact name={t("photo.facts.size")}>
          {t("photo.sizes", { from: `${input.width}×${input.height}`, to: `${output.width}×${output.height}` })}
        </Fact>
        {faces.length > 0 && (
          <>
            <Fact name={t("photo.facts.person")}>{t(`photo.person.${personOf(report)}`)}</Fact>
            <Fact name={t("photo.facts.faces")}>
              {models.face_restorer?.variant ?? models.face_restorer?.name ?? t("photo.treated.other")}
            </Fact>
          </>
        )}
        <Fact name={t("photo.facts.picture")}>{background?.variant ?? t("photo.plain")}</Fact>
        <Fact name={t("photo.facts.file")}>
          {megabytes < 1
            ? t("photo.kilobytes", { format, size: Math.max(1, Math.round(1000 * megabytes)) })
            : t("photo.megabytes", { format, size: megabytes.toFixed(1) })}
        </Fact>
        {state.processing_time !== null && (
          <Fact name={t("photo.facts.time")}>{t("photo.seconds", { seconds: state.processing_time.toFixed(1) })}</Fact>
        )}
      </dl>
      <details className="folded">
        <summary>
          {t("photo.numbers")}
          <Icon name="chevron" />
        </summary>
        <Numbers report={report} />
      </details>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
