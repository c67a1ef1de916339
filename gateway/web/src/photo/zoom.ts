/** How a picture lies in its frame: `scale` from 1, then moved by `x`, `y` pixels of the frame. */
export interface Zoom {
  scale: number;
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

export const FIT: Zoom = { scale: 1, x: 0, y: 0 };

/** The nearest position at which the picture covers the whole frame. */
export function clampZoom(zoom: Zoom, frame: Size, largest: number): Zoom {
  const scale = Math.min(Math.max(zoom.scale, 1), largest);
  const within = (moved: number, length: number) => Math.min(0, Math.max(moved, length * (1 - scale)));
  return { scale, x: within(zoom.x, frame.width), y: within(zoom.y, frame.height) };
}

/** Change the scale by `factor` while the point of the picture under `centre` stays where it is. */
export function zoomAt(zoom: Zoom, factor: number, centre: Point, frame: Size, largest: number): Zoom {
  const scale = Math.min(Math.max(zoom.scale * factor, 1), largest);
  const part = scale / zoom.scale;
  const moved = { scale, x: centre.x - (centre.x - zoom.x) * part, y: centre.y - (centre.y - zoom.y) * part };
  return clampZoom(moved, frame, largest);
}

export function panBy(zoom: Zoom, by: Point, frame: Size, largest: number): Zoom {
  return clampZoom({ scale: zoom.scale, x: zoom.x + by.x, y: zoom.y + by.y }, frame, largest);
}

/** Up to eight times a picture's own pixels, and always some. */
export function largestScale(picture: Size, frame: Size): number {
  return Math.max(4, (8 * picture.width) / Math.max(1, frame.width));
}

export function cssTransform(zoom: Zoom): string {
  return `translate(${zoom.x}px, ${zoom.y}px) scale(${zoom.scale})`;
}
