import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { BASE_URL } from "../api/client";
import { readLimits } from "../api/limits";
import type { FileKind } from "../files/check";
import { OptionsBox } from "../options/OptionsBox";
import { useOptions } from "../options/options";
import { PhotoView } from "../photo/PhotoView";
import { Icon } from "../ui/Icon";
import { DropZone } from "./DropZone";
import { Example } from "./Example";
import { Header } from "./Header";
import { KeyForm } from "./KeyForm";
import { ModelBadge } from "./ModelBadge";
import { useModels } from "./useModels";

/** Fetched when an archive is chosen: few need it. */
const BatchView = lazy(async () => ({ default: (await import("../batch/BatchView")).BatchView }));

/** A file that is dropped beside the drop zone would take the place of the page, and of a result in it. */
function keepDroppedFilesOut(): () => void {
  const leaving = new AbortController();
  for (const kind of ["dragover", "drop"]) {
    addEventListener(kind, (event) => event.preventDefault(), { signal: leaving.signal });
  }
  return () => leaving.abort();
}

/** A file on its way; `number` tells one from the next, be it the same file again. */
interface Work {
  file: File;
  kind: FileKind;
  number: number;
}

export function App() {
  const { t } = useTranslation();
  const limits = useMemo(readLimits, []);
  const [modelsState, unlock] = useModels();
  const [options, setOptions] = useOptions();
  const [work, setWork] = useState<Work | null>(null);
  const begin = useCallback(
    (file: File, kind: FileKind) => setWork((last) => ({ file, kind, number: (last?.number ?? 0) + 1 })),
    [],
  );
  const leave = useCallback(() => setWork(null), []);
  useEffect(keepDroppedFilesOut, []);
  const title = useRef<HTMLHeadingElement>(null);
  const worked = useRef(false);
  useEffect(() => {
    if (work === null && worked.current) {
      title.current?.focus(); // what had the focus is gone
    }
    worked.current = work !== null;
  }, [work]);
  const models = modelsState.phase === "known" ? modelsState.models : null;
  const locked = modelsState.phase === "locked" || (limits.keys && modelsState.phase === "asking");
  return (
    <div className="page">
      <Header />
      <main id="content" tabIndex={-1} className="stack">
        <h1 ref={title} tabIndex={-1} className={work === null ? "tagline" : "hidden"}>
          {t("tagline")}
        </h1>
        {work === null && (
          <p className="promise fine">
            <Icon name="shield" />
            {t("promise")}
          </p>
        )}
        {locked && <KeyForm wrong={modelsState.phase === "locked" && modelsState.wrong} onKey={unlock} />}
        {!locked && work === null && (
          <>
            <div className="start">
              <DropZone limits={limits} onFile={begin} />
              <Example />
            </div>
            <OptionsBox title={t("options.title")} options={options} onOptions={setOptions} models={models} />
          </>
        )}
        {!locked && work?.kind === "photo" && (
          <PhotoView
            key={work.number}
            file={work.file}
            options={options}
            onOptions={setOptions}
            models={models}
            onLeave={leave}
          />
        )}
        {!locked && work?.kind === "archive" && (
          <Suspense fallback={null}>
            <BatchView
              key={work.number}
              file={work.file}
              options={options}
              onOptions={setOptions}
              models={models}
              limits={limits}
              onLeave={leave}
            />
          </Suspense>
        )}
      </main>
      <footer className="footer">
        <ModelBadge state={modelsState} />
        <p className="fine">
          <a href={`${BASE_URL}/docs`}>{t("api")}</a>
        </p>
      </footer>
    </div>
  );
}
