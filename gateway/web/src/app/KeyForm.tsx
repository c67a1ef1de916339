import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { Notice } from "../ui/Notice";

/** Asks for an API key. It goes to memory only: no name, so that no browser offers to keep it. */
export function KeyForm({ wrong, onKey }: { wrong: boolean; onKey: (key: string) => void }) {
  const { t } = useTranslation();
  const [key, setKey] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (key.trim() !== "") {
      onKey(key.trim());
    }
  };
  return (
    <form className="card stack key-form" onSubmit={submit}>
      <h2>{t("key.title")}</h2>
      <div className="field">
        <label htmlFor="key">{t("key.label")}</label>
        <input
          id="key"
          type="password"
          autoComplete="off"
          spellCheck={false}
          value={key}
          aria-describedby="key-hint"
          aria-invalid={wrong}
          onChange={(event) => setKey(event.target.value)}
        />
        <p id="key-hint" className="fine">
          {t("key.hint")}
        </p>
      </div>
      {wrong && (
        <Notice tone="bad" urgent>
          {t("key.wrong")}
        </Notice>
      )}
      <div className="buttons">
        <button type="submit" className="button primary" disabled={key.trim() === ""}>
          {t("key.use")}
        </button>
      </div>
    </form>
  );
}
