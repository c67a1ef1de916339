import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Icon, type IconName } from "./Icon";

interface LeaveButtonProps {
  /** Whether the only copy of a result would be lost. */
  unsaved: boolean;
  icon?: IconName;
  onLeave: () => void;
  children: ReactNode;
}

/** A button to leave what is shown. Where something would be lost, it says so, and wants to be pressed once more. */
export function LeaveButton({ unsaved, icon, onLeave, children }: LeaveButtonProps) {
  const { t } = useTranslation();
  const [pressed, setPressed] = useState(false);
  const asking = unsaved && pressed;
  const press = (clicks: number) => {
    if (!unsaved || (asking && clicks < 2)) {
      onLeave(); // but a double click is no answer
    } else {
      setPressed(true);
    }
  };
  return (
    <button
      type="button"
      className="button"
      aria-live="polite"
      onClick={({ detail }) => press(detail)}
      onKeyDown={(event) => event.repeat && event.preventDefault()} // nor is a key that is held down
    >
      {asking ? <Icon name="warning" /> : icon !== undefined && <Icon name={icon} />}
      {asking ? t("photo.discard") : children}
    </button>
  );
}
