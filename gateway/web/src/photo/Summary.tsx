import { useTranslation } from "react-i18next";
import type { PhotoReport } from "../api/generated";
import { Notice } from "../ui/Notice";
import { Faces, FaceWords } from "./Faces";
import { notesOf } from "./notes";
import { countUsable, verdictOf } from "./verdict";

const TONES = { usable: "good", some: "warn", "not-usable": "warn", "no-face": "info" } as const;

/** What the result is worth, in words. */
export function Summary({ report }: { report: PhotoReport }) {
  const { t } = useTranslation();
  const { faces } = report;
  const verdict = verdictOf(faces);
  const [only] = faces;
  return (
    <>
      <Notice tone={TONES[verdict]}>
        <h3>{t(`photo.verdict.${verdict}`, { good: countUsable(faces), all: faces.length })}</h3>
        {verdict === "no-face" && <p>{t("photo.no_face_hint")}</p>}
        {only !== undefined && faces.length === 1 && <FaceWords face={only} report={report} />}
      </Notice>
      {faces.length > 1 && <Faces report={report} />}
      <Notes sentences={report.notes} />
    </>
  );
}

function Notes({ sentences }: { sentences: readonly string[] }) {
  const { t } = useTranslation();
  const notes = notesOf(sentences);
  return notes.length === 0 ? null : (
    <ul className="notes fine">
      {notes.map((note) =>
        note.key === null ? (
          <li key={note.text} lang="en">
            {note.text}
          </li>
        ) : (
          <li key={note.key}>{t(`photo.note.${note.key}` as "photo.note.colour", { ...note.values })}</li>
        ),
      )}
    </ul>
  );
}
