import { expect, test } from "vitest";
import { clampZoom, cssTransform, FIT, largestScale, panBy, zoomAt } from "./zoom";

const FRAME = { width: 400, height: 300 };

test("the point under the pointer stays where it is", () => {
  const centre = { x: 100, y: 250 };
  const once = zoomAt(FIT, 2, centre, FRAME, 8);
  expect(once).toEqual({ scale: 2, x: -100, y: -250 });
  const twice = zoomAt(once, 1.5, centre, FRAME, 8);
  const under = (zoom: typeof once) => ({ x: (centre.x - zoom.x) / zoom.scale, y: (centre.y - zoom.y) / zoom.scale });
  expect(under(twice)).toEqual(under(once));
});

test("the scale has both ends", () => {
  expect(zoomAt(FIT, 100, { x: 0, y: 0 }, FRAME, 8).scale).toBe(8);
  expect(zoomAt({ scale: 2, x: -50, y: -20 }, 0.1, { x: 9, y: 9 }, FRAME, 8)).toEqual(FIT);
});

test.each([
  [
    { x: 1000, y: 1000 },
    { scale: 2, x: 0, y: 0 },
  ],
  [
    { x: -1000, y: -1000 },
    { scale: 2, x: -400, y: -300 },
  ],
  [
    { x: -10, y: 5 },
    { scale: 2, x: -210, y: -145 },
  ],
])("moved by %o the frame stays covered", (by, wanted) => {
  expect(panBy({ scale: 2, x: -200, y: -150 }, by, FRAME, 8)).toEqual(wanted);
});

test("without zoom nothing moves", () => {
  expect(panBy(FIT, { x: 50, y: -50 }, FRAME, 8)).toEqual(FIT);
  expect(clampZoom({ scale: 0.5, x: 3, y: 3 }, FRAME, 8)).toEqual(FIT);
});

test("large pictures may be looked at more closely than small ones", () => {
  expect(largestScale({ width: 4000, height: 3000 }, FRAME)).toBe(80);
  expect(largestScale({ width: 100, height: 75 }, FRAME)).toBe(4);
});

test("css moves first, then scales", () => {
  expect(cssTransform({ scale: 2, x: -3, y: -4 })).toBe("translate(-3px, -4px) scale(2)");
});
