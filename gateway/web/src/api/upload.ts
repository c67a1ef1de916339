import { Failure } from "./failure";

/**
 * A `fetch` for uploads that tells how much has been sent, which the browser's own does not.
 *
 * @param onProgress gets the part that was sent, 0 to 1.
 */
export function fetchWithProgress(onProgress: (sent: number) => void): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const body = await request.blob().catch(() => {
      throw new Failure("unreadable-file"); // it was moved or changed since it was chosen
    });
    return new Promise<Response>((resolve, reject) => {
      const exchange = new XMLHttpRequest();
      const abort = () => exchange.abort();
      exchange.open(request.method, request.url);
      exchange.responseType = "blob";
      for (const [name, value] of request.headers) {
        exchange.setRequestHeader(name, value);
      }
      exchange.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
      exchange.onload = () => resolve(responseOf(exchange));
      exchange.onerror = () => reject(new TypeError("The connection failed."));
      exchange.onabort = () => reject(new DOMException("Cancelled.", "AbortError"));
      exchange.onloadend = () => request.signal.removeEventListener("abort", abort);
      if (request.signal.aborted) {
        reject(new DOMException("Cancelled.", "AbortError"));
        return;
      }
      request.signal.addEventListener("abort", abort);
      exchange.send(body);
    });
  };
}

function responseOf(exchange: XMLHttpRequest): Response {
  const headers = new Headers();
  for (const line of exchange.getAllResponseHeaders().trim().split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) {
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    }
  }
  const body = exchange.response instanceof Blob ? exchange.response : null;
  return new Response(body, { status: exchange.status, headers });
}
