/** Strokes of a 24×24 grid, drawn for this page. */
const PATHS = {
  archive: "M4 7h16v13H4z M3 4h18v3H3z M10 11h4",
  camera: "M4 8h3l2-3h6l2 3h3v11H4z M12 17a4 4 0 1 0 0-8 4 4 0 0 0 0 8",
  check: "M5 12.5l4.5 4.5L19 7.5",
  chevron: "M7 10l5 5 5-5",
  cross: "M6 6l12 12M18 6L6 18",
  download: "M12 4v11m-5-4.5l5 5 5-5M5 20h14",
  face: "M12 21a8 9 0 1 0 0-18 8 9 0 0 0 0 18M9 10v.5M15 10v.5M9 15c1.5 1.5 4.5 1.5 6 0",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M3 12h18M12 3c-5 5-5 13 0 18 5-5 5-13 0-18",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 11v5M12 7.5v.5",
  minus: "M6 12h12",
  photo: "M4 5h16v14H4z M4 16l5-5 4 4 2.5-2.5L20 17M15.5 9.5v.01",
  plus: "M6 12h12M12 6v12",
  refresh: "M19 8a8 8 0 1 0 1 6M19 3v5h-5",
  shield: "M12 3l7 3v6c0 4.5-3 7.5-7 9-4-1.5-7-4.5-7-9V6z M9 12l2.200 2.200L15.5 10",
  sliders: "M4 7h9M19 7h1M4 17h1M11 17h9M16 9.5v-5M8 19.5v-5",
  trash: "M4 7h16M9 7V4h6v3M6.5 7l1 13h9l1-13",
  warning: "M12 4L2.5 20h19z M12 10v4.5M12 17v.5",
} as const;

export type IconName = keyof typeof PATHS;

/** A drawing beside words that say the same: hidden from screen readers. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
