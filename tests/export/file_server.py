"""A local HTTP server for one file, with the faults that downloads meet."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """Serves ``content`` at every path. Faults are switched by the fields; ``requests`` records what was asked."""

    content: bytes
    etag: str | None = '"one"'
    status: int = 200
    ranges: bool = True
    drop_after: list[int] = field(default_factory=list)
    hang: bool = False
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> FileServer:
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.requests.append(headers)
            if server.hang:
                server.closing.wait()
                return
            if server.status != 200:
                self.send_error(server.status)
                return
            start = 0
            unchanged = headers.get("if-range") in (None, server.etag)
            if server.ranges and unchanged and (span := headers.get("range")):
                start = int(span.removeprefix("bytes=").removesuffix("-"))
                self.send_response(206)
                total = len(server.content)
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            else:
                self.send_response(200)
            body = server.content[start:]
            if server.etag:
                self.send_header("ETag", server.etag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if server.drop_after:
                body = body[: server.drop_after.pop(0)]
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
