import * as Progress from "@radix-ui/react-progress";

interface ProgressBarProps {
  /** What is going on; read out with the value. */
  label: string;
  /** 0 to 1; null where nobody knows. */
  value: number | null;
}

export function ProgressBar({ label, value }: ProgressBarProps) {
  const percent = value === null ? null : Math.round(100 * Math.min(1, Math.max(0, value)));
  return (
    <Progress.Root className="progress" value={percent} max={100} aria-label={label}>
      <Progress.Indicator
        className="progress-bar"
        style={percent === null ? undefined : { transform: `scaleX(${percent / 100})` }}
      />
    </Progress.Root>
  );
}
