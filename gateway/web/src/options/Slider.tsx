import { useId } from "react";

interface SliderProps {
  label: string;
  hint: string;
  /** Words at its two ends. */
  ends?: readonly [string, string];
  value: number;
  /** Lowest, highest, step. */
  range: readonly [number, number, number];
  disabled: boolean;
  onChange: (value: number) => void;
}

export function Slider({ label, hint, ends, value, range: [lowest, highest, step], disabled, onChange }: SliderProps) {
  const id = useId();
  return (
    <div className="field slider">
      <label htmlFor={id}>
        {label}
        <output htmlFor={id}>{value}</output>
      </label>
      <input
        id={id}
        type="range"
        min={lowest}
        max={highest}
        step={step}
        value={value}
        disabled={disabled}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(Number(event.target.value))}
      />
      {ends !== undefined && (
        <p className="fine ends">
          <span>{ends[0]}</span>
          <span>{ends[1]}</span>
        </p>
      )}
      <p id={`${id}-hint`} className="fine">
        {hint}
      </p>
    </div>
  );
}
