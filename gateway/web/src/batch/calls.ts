import { settle } from "../api/client";
import { type BatchResult, batchArchive, batchEvents, batchStatus, deleteBatch, submitBatch } from "../api/generated";
import { fetchUnlessSilent } from "../api/patience";
import type { TaskCalls } from "../api/task";
import { fetchWithProgress } from "../api/upload";
import { changedOptions, type Options } from "../options/options";

/** The calls that enhance the photos of the archive `file`. */
export function batchCalls(file: File, options: Options): TaskCalls<BatchResult> {
  const of = (batch_id: string) => ({ path: { batch_id } });
  return {
    submit: async (signal, onSent) => {
      const body = { file, ...changedOptions(options) };
      const { data } = await settle(submitBatch({ body, signal, fetch: fetchWithProgress(onSent) }));
      return data.batch_id;
    },
    events: (id, told) => batchEvents({ ...of(id), ...told }),
    status: async (id, signal) => (await settle(batchStatus({ ...of(id), signal }))).data,
    fetch: async (id, signal) => {
      const { data, response } = await settle(
        batchArchive({ ...of(id), signal, parseAs: "blob", fetch: fetchUnlessSilent }),
      );
      return { blob: data, disposition: response.headers.get("content-disposition") };
    },
    remove: (id) => settle(deleteBatch({ ...of(id), keepalive: true })),
  };
}
