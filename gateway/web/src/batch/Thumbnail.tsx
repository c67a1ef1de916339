import { useEffect, useRef, useState } from "react";
import { Icon } from "../ui/Icon";
import { inTurn } from "./turns";

interface ThumbnailProps {
  /** Gives the photo; called once the thumbnail comes into view. */
  read: () => Promise<Blob>;
  /** What it shows; empty where the name stands beside it. */
  label: string;
}

const PIXELS = 192;

/** A small picture, drawn in this browser. What cannot be drawn stays an empty place. */
export function Thumbnail({ read, label }: ThumbnailProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drawn, setDrawn] = useState(false);
  useEffect(() => {
    const target = canvas.current;
    if (target === null) {
      return;
    }
    let gone = false;
    const draw = async () => {
      if (gone) {
        return;
      }
      const picture = await createImageBitmap(await read(), { resizeWidth: PIXELS, resizeQuality: "high" });
      if (!gone) {
        target.width = picture.width;
        target.height = picture.height;
        target.getContext("2d")?.drawImage(picture, 0, 0);
        setDrawn(true);
      }
      picture.close();
    };
    const seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        seen.disconnect();
        inTurn(draw).catch(() => undefined);
      }
    });
    seen.observe(target);
    return () => {
      gone = true;
      seen.disconnect();
    };
  }, [read]);
  return (
    <span className={drawn ? "thumbnail drawn" : "thumbnail"}>
      <canvas
        ref={canvas}
        width="1"
        height="1"
        role={label === "" ? undefined : "img"}
        aria-label={label || undefined}
      />
      {!drawn && <Icon name="photo" />}
    </span>
  );
}
