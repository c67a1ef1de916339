import { useCallback, useState } from "react";
import { readPreference, writePreference } from "../preferences";

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const darkSystem = matchMedia("(prefers-color-scheme: dark)");

function chosenTheme(): Theme {
  const stored = readPreference("theme");
  return THEMES.find((theme) => theme === stored) ?? "auto";
}

function show(theme: Theme): void {
  const dark = theme === "dark" || (theme === "auto" && darkSystem.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

/** Show the chosen theme from now on, and the system's as it changes. */
export function applyTheme(): void {
  show(chosenTheme());
  darkSystem.addEventListener("change", () => show(chosenTheme()));
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState(chosenTheme);
  const choose = useCallback((next: Theme) => {
    writePreference("theme", next);
    setTheme(next);
    show(next);
  }, []);
  return [theme, choose];
}
