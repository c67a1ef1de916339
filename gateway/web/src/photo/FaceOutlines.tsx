import type { FaceReport } from "../api/generated";
import type { Size, Zoom } from "./zoom";

interface FaceOutlinesProps {
  faces: readonly FaceReport[];
  /** Of the picture that the boxes were found in. */
  size: Size;
  zoom: Zoom;
}

const NUMBER_PIXELS = 17;

/** A box around each face, numbered as in the list. It zooms with the picture; its lines and numbers stay as they are. */
export function FaceOutlines({ faces, size, zoom }: FaceOutlinesProps) {
  const across = (x: number) => `${(100 * x) / size.width}%`;
  const down = (y: number) => `${(100 * y) / size.height}%`;
  const unit = NUMBER_PIXELS / zoom.scale;
  return (
    <svg className="outlines" aria-hidden="true">
      <g transform={`translate(${zoom.x} ${zoom.y}) scale(${zoom.scale})`}>
        {faces.map(({ box: [left, top, right, bottom] }, index) => (
          <g key={`${left} ${top}`}>
            {["halo", "line"].map((name) => (
              <rect
                key={name}
                className={name}
                x={across(left)}
                y={down(top)}
                width={across(right - left)}
                height={down(bottom - top)}
                rx={unit / 3}
                vectorEffect="non-scaling-stroke"
              />
            ))}
            <text x={across(left)} y={down(top)} dx={unit / 2} dy={unit * 1.25} fontSize={unit} strokeWidth={unit / 5}>
              {index + 1}
            </text>
          </g>
        ))}
      </g>
    </svg>
  );
}
