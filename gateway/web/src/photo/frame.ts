import type { CSSProperties } from "react";
import type { Size } from "./zoom";

/** The box that a picture is shown in, the same for the photo at work and for the comparison. */
export function frameStyle({ width, height }: Size): CSSProperties {
  return { aspectRatio: `${width} / ${height}`, width: `min(100%, calc(72svh * ${width / height}))` };
}
