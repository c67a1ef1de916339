import type { ReactNode } from "react";
import type { ModelList } from "../api/generated";
import { Icon } from "../ui/Icon";
import { OptionsPanel } from "./OptionsPanel";
import type { Options } from "./options";

interface OptionsBoxProps {
  title: string;
  options: Options;
  onOptions: (options: Options) => void;
  /** What is served; null while that is not known. */
  models: ModelList | null;
  /** What can be done with the options. */
  children?: ReactNode;
}

/** The options, folded away under their title. */
export function OptionsBox({ title, options, onOptions, models, children }: OptionsBoxProps) {
  return (
    <details className="card options-box">
      <summary>
        <Icon name="sliders" />
        {title}
        <Icon name="chevron" />
      </summary>
      <OptionsPanel options={options} onChange={onOptions} models={models} />
      {children}
    </details>
  );
}
