import { useId } from "react";
import { useTranslation } from "react-i18next";

interface ChoiceProps<Value extends string | number> {
  label: string;
  value: Value;
  choices: readonly { value: Value; text: string; missing?: boolean }[];
  onChange: (value: Value) => void;
}

/** One of a few. */
export function Choice<Value extends string | number>({ label, value, choices, onChange }: ChoiceProps<Value>) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        value={value}
        onChange={(event) => {
          const chosen = choices.find((choice) => String(choice.value) === event.target.value);
          if (chosen !== undefined) {
            onChange(chosen.value);
          }
        }}
      >
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value} disabled={choice.missing === true && choice.value !== value}>
            {choice.missing === true ? `${choice.text} (${t("options.not_here")})` : choice.text}
          </option>
        ))}
      </select>
    </div>
  );
}
