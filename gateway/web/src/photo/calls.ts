import { settle } from "../api/client";
import {
  deletePhoto,
  type EnhancementResult,
  photoEvents,
  photoImage,
  photoStatus,
  submitPhoto,
} from "../api/generated";
import { fetchUnlessSilent } from "../api/patience";
import type { TaskCalls } from "../api/task";
import { fetchWithProgress } from "../api/upload";
import { changedOptions, type Options } from "../options/options";
import { withPlace } from "./place";

/** The calls that enhance `file`. */
export function photoCalls(file: File, options: Options): TaskCalls<EnhancementResult> {
  const of = (task_id: string) => ({ path: { task_id } });
  return {
    submit: async (signal, onSent) => {
      const body = { file, ...changedOptions(options) };
      const { data } = await settle(submitPhoto({ body, signal, fetch: fetchWithProgress(onSent) }));
      return data.task_id;
    },
    events: (id, options) => photoEvents({ ...of(id), ...options, onSseEvent: withPlace(options.onSseEvent) }),
    status: async (id, signal) => (await settle(photoStatus({ ...of(id), signal }))).data,
    fetch: async (id, signal) => {
      const { data, response } = await settle(
        photoImage({ ...of(id), signal, parseAs: "blob", fetch: fetchUnlessSilent }),
      );
      return { blob: data, disposition: response.headers.get("content-disposition") };
    },
    remove: (id) => settle(deletePhoto({ ...of(id), keepalive: true })),
  };
}
