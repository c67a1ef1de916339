import { useTranslation } from "react-i18next";
import { Icon } from "../ui/Icon";

interface ZoomButtonsProps {
  scale: number;
  zoomIn: () => void;
  zoomOut: () => void;
  fit: () => void;
}

export function ZoomButtons({ scale, zoomIn, zoomOut, fit }: ZoomButtonsProps) {
  const { t } = useTranslation();
  // Not `disabled`: a button that has the focus would lose it.
  const useless = scale <= 1;
  return (
    <div className="zoom-buttons">
      <button
        type="button"
        className="button icon-only quiet"
        aria-label={t("photo.zoom_out")}
        aria-disabled={useless}
        onClick={zoomOut}
      >
        <Icon name="minus" />
      </button>
      <output className="fine">{t("photo.zoom", { percent: Math.round(100 * scale) })}</output>
      <button type="button" className="button icon-only quiet" aria-label={t("photo.zoom_in")} onClick={zoomIn}>
        <Icon name="plus" />
      </button>
      <button type="button" className="button quiet" aria-disabled={useless} onClick={fit}>
        {t("photo.fit")}
      </button>
    </div>
  );
}
