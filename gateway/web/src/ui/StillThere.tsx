import { Trans } from "react-i18next";
import { Countdown } from "./Countdown";

/** How long the server still has the result. */
export function StillThere({ expiresAt }: { expiresAt: string | null }) {
  return expiresAt === null ? null : (
    <p className="fine">
      <Trans i18nKey="photo.deleted_in" components={{ time: <Countdown deadline={expiresAt} /> }} />
    </p>
  );
}
