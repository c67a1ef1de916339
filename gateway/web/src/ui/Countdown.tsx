import { useEffect, useState } from "react";
import { serverNow } from "../api/clock";

/** Whole seconds until `deadline` (RFC 3339), never below 0; null without one. */
function useSecondsUntil(deadline: string | null): number | null {
  const [now, setNow] = useState(() => serverNow());
  useEffect(() => {
    if (deadline === null) {
      return;
    }
    setNow(serverNow());
    const timer = setInterval(() => setNow(serverNow()), 500);
    return () => clearInterval(timer);
  }, [deadline]);
  return deadline === null ? null : Math.max(0, Math.floor((Date.parse(deadline) - now) / 1000));
}

/** 65 is `1:05`. */
export function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

/** The time that is left, ticking; not read out each second. */
export function Countdown({ deadline }: { deadline: string }) {
  const seconds = useSecondsUntil(deadline) ?? 0;
  return (
    <time className="countdown" dateTime={`PT${seconds}S`}>
      {clock(seconds)}
    </time>
  );
}
