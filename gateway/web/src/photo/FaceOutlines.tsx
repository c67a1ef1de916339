import type { FaceReport } from "../api/generated";
import type { Size } from "./zoom";

interface FaceOutlinesProps {
  faces: readonly FaceReport[];
  /** Of the picture that the boxes were found in. */
  size: Size;
  /** Of the zoom: lines and numbers stay as thick and as large as they are. */
  scale: number;
}

const NUMBER_SIZE = 0.034;

/** A box around each face, numbered as in the list. */
export function FaceOutlines({ faces, size, scale }: FaceOutlinesProps) {
  const unit = (NUMBER_SIZE * Math.max(size.width, size.height)) / scale;
  return (
    <svg className="outlines" viewBox={`0 0 ${size.width} ${size.height}`} aria-hidden="true">
      {faces.map(({ box: [left = 0, top = 0, right = 0, bottom = 0] }, index) => (
        <g key={`${left} ${top}`}>
          <rect
            x={left}
            y={top}
            width={right - left}
            height={bottom - top}
            rx={unit / 3}
            vectorEffect="non-scaling-stroke"
          />
          <text x={left + unit / 3} y={top + unit * 1.1} fontSize={unit}>
            {index + 1}
          </text>
        </g>
      ))}
    </svg>
  );
}
