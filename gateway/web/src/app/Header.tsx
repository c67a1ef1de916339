import { useTranslation } from "react-i18next";
import { changeLanguage } from "../i18n";
import { LANGUAGES } from "../i18n/first";
import seal from "./seal.svg";
import { THEMES, useTheme } from "./theme";

const LANGUAGE_NAMES = { zh: "中文", en: "English" } as const;

export function Header() {
  const { t, i18n } = useTranslation();
  const [theme, setTheme] = useTheme();
  return (
    <header className="header">
      <a className="hidden skip" href="#content">
        {t("skip")}
      </a>
      <p className="brand">
        <img src={seal} alt="" width="36" height="36" />
        <span>Limner</span>
      </p>
      <div className="settings">
        <fieldset className="languages">
          <legend className="hidden">{t("language")}</legend>
          {LANGUAGES.map((language) => (
            <button
              key={language}
              type="button"
              lang={language === "zh" ? "zh-CN" : "en"}
              aria-pressed={i18n.language === language}
              onClick={() => changeLanguage(language)}
            >
              {LANGUAGE_NAMES[language]}
            </button>
          ))}
        </fieldset>
        <select
          aria-label={t("theme")}
          value={theme}
          onChange={(event) => setTheme(THEMES.find((known) => known === event.target.value) ?? "auto")}
        >
          {THEMES.map((name) => (
            <option key={name} value={name}>
              {t(`theme_${name}`)}
            </option>
          ))}
        </select>
      </div>
    </header>
  );
}
