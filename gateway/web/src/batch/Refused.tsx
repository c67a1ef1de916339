import { useTranslation } from "react-i18next";
import type { FileReport } from "../api/generated";
import { Notice } from "../ui/Notice";

interface RefusedProps {
  title: "failed_title" | "skipped_title";
  files: readonly FileReport[];
  tone: "bad" | "info";
}

/** Of a longer list only the number is shown at first. */
const MOST_UNFOLDED = 10;

/** Files that gave no result, each with the reason. */
export function Refused({ title, files, tone }: RefusedProps) {
  const { t } = useTranslation();
  if (files.length === 0) {
    return null;
  }
  return (
    <Notice tone={tone}>
      <h3>{t(`batch.${title}`, { count: files.length })}</h3>
      <details open={files.length <= MOST_UNFOLDED}>
        <summary>{t("batch.which")}</summary>
        <ul className="refused">
          {files.map((file) => (
            <li key={file.name}>
              <strong>{file.name}</strong>
              <Why file={file} />
            </li>
          ))}
        </ul>
      </details>
    </Notice>
  );
}

/** In the page's language where it has words for it, else in the server's. */
function Why({ file }: { file: FileReport }) {
  const { t, i18n } = useTranslation();
  const kind = file.error?.type;
  const own = OF_ONE_FILE.find((name) => name === kind);
  if (own !== undefined) {
    return <span>{t(`batch.failed_as.${own}`)}</span>;
  }
  if (kind !== undefined && i18n.exists(`problem.${kind}`)) {
    return <span>{t(`problem.${kind}` as "problem.network")}</span>;
  }
  const known = SKIPPED.find(([sentence]) => sentence.test(file.reason ?? ""));
  if (known !== undefined) {
    return <span>{t(`batch.skipped_as.${known[1]}`)}</span>;
  }
  return <span lang="en">{file.error?.message ?? file.reason}</span>;
}

/** Problems that mean something else of one file than of the whole archive. */
const OF_ONE_FILE = ["damaged-archive", "encrypted-archive", "unsafe-archive"] as const;

/** What the server says of files that it passes over (`gateway/archives`). */
const SKIPPED = [
  [/^It is not a photo\.$/, "no_photo"],
  [/^It is a file in which macOS /, "macos"],
  [/^It is an archive inside the archive/, "archive"],
  [/^It is .+, not a file\.$/, "special"],
] as const;
