import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Size } from "./zoom";

interface PictureProps {
  src: string | null;
  alt: string;
  /** Told once it is loaded. */
  onSize?: (size: Size) => void;
}

/** A picture that fills its frame, or a sentence where the browser cannot show it. */
export function Picture({ src, alt, onSize }: PictureProps) {
  const { t } = useTranslation();
  const [broken, setBroken] = useState<string | null>(null);
  if (src === null) {
    return null;
  }
  return broken === src ? (
    <p className="unshown fine">{t("photo.cannot_show")}</p>
  ) : (
    <img
      src={src}
      alt={alt}
      draggable={false}
      onLoad={({ currentTarget: { naturalWidth: width, naturalHeight: height } }) => onSize?.({ width, height })}
      onError={() => setBroken(src)}
    />
  );
}
