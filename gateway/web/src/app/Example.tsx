import { useTranslation } from "react-i18next";
import after from "./example-after.webp";
import before from "./example-before.webp";

const SIZE = { width: 400, height: 500 };

/** What the page is for, at a glance: the public-domain portrait of scikit-image (NASA), 100×125 pixels, at ×4. */
export function Example() {
  const { t } = useTranslation();
  return (
    <figure className="example">
      <div>
        <img src={before} alt={t("example.before")} {...SIZE} />
        <img src={after} alt={t("example.after")} {...SIZE} />
      </div>
      <figcaption className="fine">{t("example.caption")}</figcaption>
    </figure>
  );
}
