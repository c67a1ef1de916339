import { useTranslation } from "react-i18next";
import type { EnhancementResult, PhotoReport } from "../api/generated";
import { Icon } from "../ui/Icon";
import { Notice } from "../ui/Notice";
import { Faces } from "./Faces";
import { Numbers } from "./Numbers";
import { gainOf, samePerson, verdictOf } from "./verdict";

const TONES = { usable: "good", "not-usable": "warn", "no-face": "info" } as const;

/** What became of the photo, words first. */
export function Summary({ state, report }: { state: EnhancementResult; report: PhotoReport }) {
  const { t } = useTranslation();
  const verdict = verdictOf(report.faces, "after");
  const { enhancement_ratio: ratio, identity_preservation: likeness } = report.quality_metrics;
  const { input, output } = report;
  return (
    <section className="summary stack" aria-label={t("photo.summary")}>
      <Notice tone={TONES[verdict]}>
        <h2>{t(`photo.verdict.${verdict}`)}</h2>
        {verdict === "not-usable" && <p className="fine">{t("photo.verdict_hint")}</p>}
      </Notice>
      {report.faces.length > 0 && <Faces report={report} />}
      <ul className="gains">
        <li>
          <Icon name="photo" />
          {t("photo.sizes", { from: `${input.width}×${input.height}`, to: `${output.width}×${output.height}` })}
        </li>
        {ratio !== null && (
          <li>
            <Icon name="plus" />
            {t(`photo.gain.${gainOf(ratio)}`, { ratio: ratio.toFixed(1) })}
          </li>
        )}
        {report.faces.some((face) => face.restored) && (
          <li>
            <Icon name="face" />
            {likeness === null
              ? t("photo.identity_unknown")
              : t(samePerson(likeness) ? "photo.identity_same" : "photo.identity_other")}
          </li>
        )}
        {report.notes.map((note) => (
          <li key={note} lang="en">
            <Icon name="info" />
            {note}
          </li>
        ))}
      </ul>
      <details className="folded">
        <summary>
          {t("photo.numbers")}
          <Icon name="chevron" />
        </summary>
        <Numbers report={report} seconds={state.processing_time} />
      </details>
    </section>
  );
}
