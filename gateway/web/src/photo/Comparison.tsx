import { type KeyboardEvent, useRef, useState } from "react";
import * as Slider from "react-compare-slider/components";
import { useReactCompareSlider } from "react-compare-slider/hooks";
import { useTranslation } from "react-i18next";
import type { PhotoReport } from "../api/generated";
import { Icon } from "../ui/Icon";
import { FaceOutlines } from "./FaceOutlines";
import { frameStyle } from "./frame";
import { Picture } from "./Picture";
import { useZoom } from "./useZoom";
import { ZoomButtons } from "./ZoomButtons";
import { cssTransform } from "./zoom";

interface ComparisonProps {
  /** Addresses in this page; null while they are made. */
  before: string | null;
  after: string | null;
  report: PhotoReport;
}

/** Before and after in one frame, with a slider between them; they zoom and move as one. */
export function Comparison({ before, after, report }: ComparisonProps) {
  const { t } = useTranslation();
  const frame = useRef<HTMLDivElement>(null);
  const [outlined, setOutlined] = useState(false);
  const { zoom, onKeyDown, onDoubleClick, ...buttons } = useZoom(frame, report.output);
  const zoomed = zoom.scale > 1;
  const slider = useReactCompareSlider({ onlyHandleDraggable: true });
  const transform = cssTransform(zoom);
  const toAnEnd = (event: KeyboardEvent) => {
    if (event.key === "Home" || event.key === "End") {
      event.preventDefault();
      slider.setPosition(event.key === "Home" ? 0 : 100); // as ARIA asks of a slider
    }
  };
  return (
    <figure className="comparison" onKeyDown={onKeyDown}>
      <section
        ref={frame}
        className={zoomed ? "frame zoomed" : "frame"}
        style={frameStyle(report.output)}
        aria-label={t("photo.picture")}
        tabIndex={zoomed ? 0 : -1} // what can be scrolled must be reached by keys
        onDoubleClick={onDoubleClick}
      >
        <Slider.Provider {...slider}>
          <Slider.Root className="slider-root" style={{ touchAction: zoomed ? "none" : "pan-y" }}>
            <Slider.Item item="itemOne">
              <div className="layer" style={{ transform }}>
                <Picture src={before} alt={t("photo.before")} />
              </div>
            </Slider.Item>
            <Slider.Item item="itemTwo">
              <div className="layer" style={{ transform }}>
                <Picture src={after} alt={t("photo.after")} />
              </div>
            </Slider.Item>
            {outlined && <FaceOutlines faces={report.faces} size={report.input} zoom={zoom} />}
            <Slider.HandleRoot className="handle-root" aria-label={t("photo.compare")} onKeyDown={toAnEnd}>
              <Slider.Handle className="handle" />
            </Slider.HandleRoot>
          </Slider.Root>
        </Slider.Provider>
        <span className="tag before" aria-hidden="true">
          {t("photo.before")}
        </span>
        <span className="tag after" aria-hidden="true">
          {t("photo.after")}
        </span>
      </section>
      <figcaption className="comparison-tools">
        <ZoomButtons scale={zoom.scale} {...buttons} />
        {report.faces.length > 0 && (
          <button type="button" className="button" aria-pressed={outlined} onClick={() => setOutlined(!outlined)}>
            <Icon name="face" />
            {t("photo.outline")}
          </button>
        )}
        <p className="fine">
          <span className="for-mouse">{t("photo.zoom_hint")}</span>
          <span className="for-touch">{t("photo.zoom_hint_touch")}</span>
        </p>
      </figcaption>
    </figure>
  );
}
