import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { readPreference, writePreference } from "../preferences";
import { en } from "./en";
import { firstLanguage, type Language } from "./first";
import { zh } from "./zh";

export function changeLanguage(language: Language): void {
  writePreference("language", language);
  void i18next.changeLanguage(language);
}

function tellThePage(language: string): void {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = i18next.t("title");
}

i18next.on("languageChanged", tellThePage);

void i18next.use(initReactI18next).init({
  lng: firstLanguage(readPreference("language"), navigator.languages),
  fallbackLng: "en",
  resources: { en: { translation: en }, zh: { translation: zh } },
  interpolation: { escapeValue: false }, // React escapes
});
