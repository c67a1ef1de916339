import { useTranslation } from "react-i18next";
import { Icon } from "../ui/Icon";
import type { ModelsState } from "./useModels";

/** Which models are at work: GFPGAN, or only what came with the packages. */
export function ModelBadge({ state }: { state: ModelsState }) {
  const { t } = useTranslation();
  if (state.phase === "locked") {
    return <p className="models" />;
  }
  if (state.phase !== "known") {
    return <p className="models">{t(state.phase === "asking" ? "models.loading" : "models.unknown")}</p>;
  }
  const named = (role: "face_restorer" | "background") => {
    const name = state.models.roles[role]?.model ?? null;
    return state.models.models.find((entry) => entry.model === name) ?? null;
  };
  const restorer = named("face_restorer");
  const background = named("background");
  const seeded = [restorer, background].some((entry) => entry?.seeded === true);
  return (
    <div className="models">
      <ul>
        <li className={restorer === null ? "chip absent" : "chip present"}>
          <Icon name="face" />
          {restorer === null ? t("models.no_restorer") : t("models.restores", { model: restorer.variant })}
        </li>
        <li className={background === null ? "chip absent" : "chip present"}>
          <Icon name="photo" />
          {background === null ? t("models.no_background") : t("models.background", { model: background.variant })}
        </li>
      </ul>
      {restorer === null && <p className="fine">{t("models.no_restorer_why")}</p>}
      {seeded && <p className="fine">{t("models.seeded")}</p>}
    </div>
  );
}
