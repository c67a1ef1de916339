let ahead = 0;

/** Take the server's time from the header `Date` of an answer that has just come. */
export function noteServerTime(date: string | null): void {
  const told = Date.parse(date ?? "");
  if (!Number.isNaN(told)) {
    ahead = told - Date.now();
  }
}

/** The server's clock, in milliseconds since 1970: deadlines are told by it, and this machine's may be wrong. */
export function serverNow(): number {
  return Date.now() + ahead;
}
