import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icon";

export type NoticeTone = "good" | "bad" | "info" | "warn";

const ICONS: Record<NoticeTone, IconName> = { good: "check", bad: "cross", info: "info", warn: "warning" };

interface NoticeProps {
  tone: NoticeTone;
  /** Read it out at once: for what the user has to know before going on. */
  urgent?: boolean;
  children: ReactNode;
}

export function Notice({ tone, urgent = false, children }: NoticeProps) {
  return (
    <div className={`notice ${tone}`} role={urgent ? "alert" : undefined}>
      <Icon name={ICONS[tone]} />
      <div>{children}</div>
    </div>
  );
}
