import { useId } from "react";
import { useTranslation } from "react-i18next";
import type { ModelList } from "../api/generated";
import { missingChoices } from "./available";
import { Choice } from "./Choice";
import { BACKGROUNDS, changedOptions, DEFAULT_OPTIONS, FORMATS, LEVELS, type Options, RESTORERS } from "./options";
import { Slider } from "./Slider";

interface OptionsPanelProps {
  options: Options;
  onChange: (options: Options) => void;
  /** What is served; null while that is not known: then everything is offered. */
  models: ModelList | null;
}

const SWITCHES = ["preserve_identity", "only_center_face", "aligned"] as const;

/** Every option of the form. A choice that has no model on this server cannot be taken. */
export function OptionsPanel({ options, onChange, models }: OptionsPanelProps) {
  const { t } = useTranslation();
  const id = useId();
  const set = (changed: Partial<Options>) => onChange({ ...options, ...changed });
  const missing = missingChoices(models);
  const changes = Object.keys(changedOptions(options)).length;
  const lossy = options.output_format !== "png";
  return (
    <div className="options">
      <Choice
        label={t("options.enhancement_level")}
        value={options.enhancement_level}
        choices={LEVELS.map((level) => ({ value: level, text: t(`options.level.${level}`) }))}
        onChange={(enhancement_level) => set({ enhancement_level })}
      />
      <Choice
        label={t("options.restorer")}
        value={options.restorer}
        choices={RESTORERS.map((name) => ({
          value: name,
          text: t(`options.restorers.${name}`),
          missing: missing.has(name),
        }))}
        onChange={(restorer) => set({ restorer })}
      />
      <Choice
        label={t("options.background")}
        value={options.background}
        choices={BACKGROUNDS.map((name) => ({
          value: name,
          text: t(`options.backgrounds.${name}`),
          missing: missing.has(name),
        }))}
        onChange={(background) => set({ background })}
      />
      <Choice
        label={t("options.output_format")}
        value={options.output_format}
        choices={FORMATS.map((name) => ({ value: name, text: t(`options.formats.${name}`) }))}
        onChange={(output_format) => set({ output_format })}
      />
      <Slider
        label={t("options.fidelity")}
        hint={t("options.fidelity_hint")}
        ends={[t("options.fidelity_low"), t("options.fidelity_high")]}
        value={options.fidelity}
        range={[0, 1, 0.05]}
        disabled={options.restorer !== "codeformer" && options.restorer !== "auto"}
        onChange={(fidelity) => set({ fidelity })}
      />
      <Slider
        label={t("options.quality")}
        hint={t("options.quality_hint")}
        value={options.quality}
        range={[1, 100, 1]}
        disabled={!lossy}
        onChange={(quality) => set({ quality })}
      />
      <div className="switches">
        {SWITCHES.map((name) => (
          <label key={name} className="switch" htmlFor={`${id}-${name}`}>
            <input
              id={`${id}-${name}`}
              type="checkbox"
              checked={options[name]}
              aria-describedby={`${id}-${name}-hint`}
              onChange={(event) => set({ [name]: event.target.checked })}
            />
            <span>
              {t(`options.${name}`)}
              <span id={`${id}-${name}-hint`} className="fine hint">
                {t(`options.${name}_hint`)}
              </span>
            </span>
          </label>
        ))}
      </div>
      <div className="options-end">
        <p className="fine">
          {changes > 0 ? `${t("options.changed", { count: changes })}. ` : ""}
          {t("options.remembered")}
        </p>
        <button type="button" className="button" disabled={changes === 0} onClick={() => onChange(DEFAULT_OPTIONS)}>
          {t("options.reset")}
        </button>
      </div>
    </div>
  );
}
