import { noteServerTime } from "./clock";
import { Failure, failureOf, isAbort } from "./failure";
import { client } from "./generated/client.gen";

/** Where the API is: beside the page, wherever a proxy has put it. */
export const BASE_URL = new URL(".", document.baseURI).href.replace(/\/$/, "");

let presentedKey: string | null = null;

/** Send `key` with every call from now on. It is kept in memory only, and gone with the page. */
export function presentKey(key: string | null): void {
  presentedKey = key;
}

client.setConfig({ baseUrl: BASE_URL, cache: "no-store", credentials: "same-origin" });
client.interceptors.request.use((request) => {
  if (presentedKey !== null) {
    request.headers.set("Authorization", `Bearer ${presentedKey}`);
  }
  return request;
});

client.interceptors.response.use((response) => {
  noteServerTime(response.headers.get("date"));
  return response;
});

interface Settled<Data> {
  data?: Data | undefined;
  error?: unknown;
  response?: Response | undefined;
}

/**
 * What a generated call gives, or a {@link Failure}.
 *
 * @throws Failure the call failed; the `AbortError` of a call that was cancelled stays as it is.
 */
export async function settle<Data>(call: Promise<Settled<Data>>): Promise<{ data: Data; response: Response }> {
  const { data, error, response } = await broken(call);
  if (error !== undefined || data === undefined || response === undefined) {
    if (isAbort(error)) {
      throw error;
    }
    throw failureOf(error, response);
  }
  return { data, response };
}

/** The connection may break while a body is read: the client then throws, although it was not told to. */
async function broken<Data>(call: Promise<Settled<Data>>): Promise<Settled<Data>> {
  try {
    return await call;
  } catch (thrown) {
    if (isAbort(thrown)) {
      throw thrown;
    }
    throw new Failure("network");
  }
}
