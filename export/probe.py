"""Opens a download within a fixed time, name resolution included, and remembers hosts that did not answer."""

from __future__ import annotations

import queue
import threading

import httpx


class HostUnreachable(Exception):
    """The host gave no answer in time, now or earlier in this run."""


class Opener:
    """Sends requests of one client; each gets ``timeout`` seconds until the head of its answer is there."""

    def __init__(self, client: httpx.Client, timeout: float) -> None:
        self._client = client
        self._timeout = timeout
        self._unreachable: set[str] = set()

    def open(self, url: str, headers: dict[str, str]) -> httpx.Response:
        """An answer whose body is still to be read.

        The request runs in a thread of its own: a name server that does not answer cannot be timed out otherwise.

        Raises:
            HostUnreachable: where there is no answer in time, and at once for a host that gave none before.
        """
        host = httpx.URL(url).netloc.decode()
        if host in self._unreachable:
            raise HostUnreachable(f"{httpx.URL(url).host} could not be reached")
        answers: queue.SimpleQueue[httpx.Response | Exception] = queue.SimpleQueue()
        given_up = threading.Event()

        def send() -> None:
            try:
                response = self._client.send(self._client.build_request("GET", url, headers=headers), stream=True)
            except Exception as error:  # handed to the caller
                answers.put(error)
                return
            answers.put(response)
            if given_up.is_set():
                response.close()

        threading.Thread(target=send, daemon=True, name="limner-download").start()
        try:
            answer = answers.get(timeout=self._timeout)
        except queue.Empty:
            given_up.set()
            answer = TimeoutError()
        if isinstance(answer, httpx.Response):
            return answer
        self._unreachable.add(host)
        raise HostUnreachable(f"{httpx.URL(url).host} could not be reached")
