import { useCallback, useState } from "react";

/**
 * Preferences, the only thing that the page keeps in the browser: options, language, theme.
 *
 * Where storage is switched off they last as long as the page.
 */
const PREFIX = "limner.";

export function readPreference(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function writePreference(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Private windows and full storage: the choice holds for this visit.
  }
}

/** State that is remembered. `parse` gets what was stored, null where nothing was, and must take anything. */
export function usePreference<Value>(
  name: string,
  parse: (stored: string | null) => Value,
  print: (value: Value) => string,
): [Value, (value: Value) => void] {
  const [value, setValue] = useState(() => parse(readPreference(name)));
  const remember = useCallback(
    (next: Value) => {
      setValue(next);
      writePreference(name, print(next));
    },
    [name, print],
  );
  return [value, remember];
}
