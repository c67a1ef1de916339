import { useRef, useState } from "react";
import * as Slider from "react-compare-slider/components";
import { useReactCompareSlider } from "react-compare-slider/hooks";
import { useTranslation } from "react-i18next";
import type { PhotoReport } from "../api/generated";
import { Icon } from "../ui/Icon";
import { Notice } from "../ui/Notice";
import { FaceOutlines } from "./FaceOutlines";
import { useZoom } from "./useZoom";
import { cssTransform } from "./zoom";

interface ComparisonProps {
  before: string;
  after: string;
  report: PhotoReport;
  outlined: boolean;
}

/** A small result is shown at this many of the screen's pixels for each of its own, at most. */
const LARGEST_SHOWN = 3;

/** Before and after in one frame, with a slider between them; they zoom and move as one. */
export function Comparison({ before, after, report, outlined }: ComparisonProps) {
  const { t } = useTranslation();
  const frame = useRef<HTMLDivElement>(null);
  const [broken, setBroken] = useState(false);
  const { width, height } = report.output;
  const { zoom, zoomIn, zoomOut, fit, onKeyDown, onDoubleClick } = useZoom(frame, report.output);
  const zoomed = zoom.scale > 1;
  const slider = useReactCompareSlider({ onlyHandleDraggable: zoomed, transition: "0.1s ease-out" });
  const picture = (src: string, alt: string) => (
    <div className="layer" style={{ transform: cssTransform(zoom) }}>
      <img src={src} alt={alt} width={width} height={height} draggable={false} onError={() => setBroken(true)} />
      {outlined && <FaceOutlines faces={report.faces} size={report.input} scale={zoom.scale} />}
    </div>
  );
  const most = `min(100%, ${width * LARGEST_SHOWN}px, calc(72svh * ${width / height}))`;
  return (
    <figure className="comparison stack">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: a shortcut; what it does, the buttons do as well */}
      <div
        ref={frame}
        className={zoomed ? "frame zoomed" : "frame"}
        style={{ aspectRatio: `${width} / ${height}`, width: most }}
        onDoubleClick={onDoubleClick}
        onKeyDown={onKeyDown}
      >
        <Slider.Provider {...slider}>
          <Slider.Root className="slider-root" style={{ touchAction: zoomed ? "none" : "pan-y" }}>
            <Slider.Item item="itemOne">{picture(before, t("photo.before"))}</Slider.Item>
            <Slider.Item item="itemTwo">{picture(after, t("photo.after"))}</Slider.Item>
            <Slider.HandleRoot className="handle-root" aria-label={t("photo.compare")}>
              <Slider.Handle />
            </Slider.HandleRoot>
          </Slider.Root>
        </Slider.Provider>
        <span className="tag before" aria-hidden="true">
          {t("photo.before")}
        </span>
        <span className="tag after" aria-hidden="true">
          {t("photo.after")}
        </span>
      </div>
      {broken && <Notice tone="info">{t("photo.cannot_show")}</Notice>}
      <div className="zoom-buttons">
        <button
          type="button"
          className="button icon-only"
          aria-label={t("photo.zoom_out")}
          disabled={!zoomed}
          onClick={zoomOut}
        >
          <Icon name="minus" />
        </button>
        <output className="fine">{t("photo.zoom", { percent: Math.round(100 * zoom.scale) })}</output>
        <button type="button" className="button icon-only" aria-label={t("photo.zoom_in")} onClick={zoomIn}>
          <Icon name="plus" />
        </button>
        <button type="button" className="button quiet" disabled={!zoomed} onClick={fit}>
          {t("photo.fit")}
        </button>
      </div>
    </figure>
  );
}
