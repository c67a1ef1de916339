/** What this server takes, as it has written into the page. */
export interface Limits {
  maxUploadBytes: number;
  maxArchiveBytes: number;
  /** Seconds that a result waits to be fetched. */
  resultTtl: number;
  /** Whether calls need an API key. */
  keys: boolean;
}

/** Read the limits that the server wrote into the page; the defaults where it wrote none (`vite dev`). */
export function readLimits(page: Document = document): Limits {
  const content = page.querySelector('meta[name="limner-limits"]')?.getAttribute("content") ?? "{}";
  const told: unknown = JSON.parse(content);
  const limits = typeof told === "object" && told !== null ? new Map<string, unknown>(Object.entries(told)) : new Map();
  return {
    maxUploadBytes: numberOr(limits.get("max_upload_bytes"), 20_000_000),
    maxArchiveBytes: numberOr(limits.get("max_archive_bytes"), 100_000_000),
    resultTtl: numberOr(limits.get("result_ttl"), 300),
    keys: limits.get("keys") === true,
  };
}

function numberOr(value: unknown, fallback: number): number {
  return typeof value === "number" ? value : fallback;
}
