import { useGesture } from "@use-gesture/react";
import { type KeyboardEvent, type MouseEvent, type RefObject, useCallback, useEffect, useState } from "react";
import { clampZoom, FIT, largestScale, type Point, panBy, type Size, type Zoom, zoomAt } from "./zoom";

const STEP = 1.5;
const DOUBLE_CLICK = 3;
const KEY_PIXELS = 40;
const ARROWS: Record<string, Point | undefined> = {
  ArrowLeft: { x: KEY_PIXELS, y: 0 },
  ArrowRight: { x: -KEY_PIXELS, y: 0 },
  ArrowUp: { x: 0, y: KEY_PIXELS },
  ArrowDown: { x: 0, y: -KEY_PIXELS },
};

interface ZoomControls {
  zoom: Zoom;
  zoomIn: () => void;
  zoomOut: () => void;
  fit: () => void;
  onKeyDown: (event: KeyboardEvent) => void;
  onDoubleClick: (event: MouseEvent) => void;
}

/**
 * Zoom and pan of the frame at `target`: wheel, pinch, drag, double click and keys. Not zoomed, a drag is the slider's
 * and a swipe scrolls the page.
 */
export function useZoom(target: RefObject<HTMLElement | null>, picture: Size): ZoomControls {
  const [zoom, setZoom] = useState(FIT);
  const change = useCallback(
    (next: (zoom: Zoom, frame: Size, largest: number) => Zoom) => {
      const frame = sizeOf(target.current);
      setZoom((last) => next(last, frame, largestScale(picture, frame)));
    },
    [target, picture],
  );
  const by = useCallback(
    (factor: number, at?: Point) =>
      change((last, frame, largest) =>
        zoomAt(last, factor, at ?? { x: frame.width / 2, y: frame.height / 2 }, frame, largest),
      ),
    [change],
  );
  const inFrame = ([x, y]: [number, number]): Point => {
    const box = target.current?.getBoundingClientRect();
    return { x: x - (box?.left ?? 0), y: y - (box?.top ?? 0) };
  };
  useGesture(
    {
      onDrag: ({ delta: [x, y], pinching, event }) => {
        if (!pinching && !isHandle(event.target)) {
          change((last, frame, largest) => panBy(last, { x, y }, frame, largest));
        }
      },
      onPinch: ({ origin, movement: [scale], memo }) => {
        const before = typeof memo === "number" ? memo : 1;
        by(scale / before, inFrame(origin));
        return scale;
      },
      onWheel: ({ event, delta: [, y] }) => {
        // Plain scrolling is the page's, unless the picture is zoomed already; with Ctrl it is a pinch.
        if (zoom.scale > 1 && !event.ctrlKey) {
          event.preventDefault();
          by(Math.exp(-y / 300), inFrame([event.clientX, event.clientY]));
        }
      },
    },
    {
      target,
      drag: { filterTaps: true, enabled: zoom.scale > 1, pointer: { keys: false } },
      pinch: { scaleBounds: { min: 0.1, max: 100 }, pointer: { touch: true } },
      eventOptions: { passive: false },
    },
  );
  useEffect(() => {
    const again = () => change(clampZoom);
    addEventListener("resize", again);
    return () => removeEventListener("resize", again);
  }, [change]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return; // the browser's own
    }
    const arrow = ARROWS[event.key];
    if (event.key === "+" || event.key === "=") {
      by(STEP);
    } else if (event.key === "-") {
      by(1 / STEP);
    } else if (event.key === "0") {
      setZoom(FIT);
    } else if (arrow !== undefined && zoom.scale > 1 && !isSlider(event.target)) {
      change((last, frame, largest) => panBy(last, arrow, frame, largest));
    } else {
      return;
    }
    event.preventDefault();
  };
  const onDoubleClick = (event: MouseEvent) => {
    if (event.target instanceof Element && !isHandle(event.target)) {
      by(zoom.scale > 1 ? 1 / zoom.scale : DOUBLE_CLICK, inFrame([event.clientX, event.clientY]));
    }
  };
  return {
    zoom,
    onDoubleClick,
    zoomIn: () => by(STEP),
    zoomOut: () => by(1 / STEP),
    fit: () => setZoom(FIT),
    onKeyDown,
  };
}

function sizeOf(element: HTMLElement | null): Size {
  return { width: element?.clientWidth ?? 1, height: element?.clientHeight ?? 1 };
}

/** Whether an event began on the slider's handle, whose it then is. */
function isHandle(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('[data-rcs="handle"]') !== null;
}

/** Whether the slider has the focus: arrows then move it. */
function isSlider(target: EventTarget | null): boolean {
  return target instanceof Element && target.getAttribute("role") === "slider";
}
