import { type ReactNode, useEffect, useRef } from "react";

interface FocusedHeadingProps {
  children: ReactNode;
  /** Whether a change of its words is read out. */
  live?: boolean;
  hidden?: boolean;
  className?: string;
}

/** The heading of what has come in place of what had the focus: takes the focus, so that it is not lost. */
export function FocusedHeading({ children, live = false, hidden = false, className = "" }: FocusedHeadingProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <h2
      ref={heading}
      tabIndex={-1}
      className={hidden ? "hidden" : `focused ${className}`}
      aria-live={live ? "polite" : undefined}
    >
      {children}
    </h2>
  );
}
