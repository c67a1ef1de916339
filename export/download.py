"""Fetches official weight files: resumable, checked, and quick to give up on a host that does not answer.

A download grows in ``<file>.part`` and gets its name when its sha256 is right; nothing else ever does. What is there
of it is kept when a connection breaks, also from one run to the next, and continued with a range request.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import httpx

from export.hashing import sha256_of
from export.probe import HostUnreachable, Opener
from export.progress import Reporter
from export.registry import WeightFile
from limner.errors import DownloadFailed
from limner.settings import Settings

_ATTEMPTS = 5
_STALL_FACTOR = 6.0


class _Interrupted(Exception):
    """The connection broke or stalled; what came before it is in the part file."""


class _WrongContent(Exception):
    """The address gave something else than the published file."""


class Downloader:
    """Fetches files during one run; a host that did not answer once is not asked again."""

    def __init__(self, settings: Settings, reporter: Reporter) -> None:
        self._folder = settings.weights_dir
        self._mirrors = tuple(str(base).rstrip("/") for base in settings.mirrors)
        self._offline = settings.offline
        self._reporter = reporter
        self._client = httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(settings.download_timeout, read=settings.download_timeout * _STALL_FACTOR),
            headers={"accept-encoding": "identity"},
        )
        self._opener = Opener(self._client, settings.download_timeout)

    def __enter__(self) -> Downloader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def fetch(self, weight: WeightFile) -> Path:
        """The file, in ``LIMNER_WEIGHTS`` under its official name.

        Raises:
            DownloadFailed: where no address gave it; the message is one sentence that says why and what to do.
        """
        target = self._folder / weight.file
        if self._offline:
            raise DownloadFailed(f"{weight.file} is not in LIMNER_WEIGHTS, and LIMNER_OFFLINE forbids to download it.")
        try:
            with _alone(target):
                # Another process may have fetched it while this one waited.
                if target.is_file() and sha256_of(target) == weight.sha256:
                    return target
                return self._fetch(weight, target)
        except OSError as error:
            raise DownloadFailed(
                f"{weight.file} could not be written ({error.strerror}). Free {weight.size / 1e6:.0f} MB, "
                "or set LIMNER_WEIGHTS to a folder with room."
            ) from None

    def _fetch(self, weight: WeightFile, target: Path) -> Path:
        reasons = []
        for url in (*(f"{base}/{weight.file}" for base in self._mirrors), *weight.urls):
            try:
                self._fetch_from(url, weight, target)
            except (HostUnreachable, _Interrupted, _WrongContent) as error:
                reasons.append(str(error))
            else:
                return target
        raise DownloadFailed(
            f"{weight.file} is not in LIMNER_WEIGHTS and could not be downloaded "
            f"({'; '.join(dict.fromkeys(reasons))}); put the file there or set LIMNER_MIRRORS."
        )

    def _fetch_from(self, url: str, weight: WeightFile, target: Path) -> None:
        part = PartFile(target, url)
        resumed = part.size > 0
        for _ in range(_ATTEMPTS):
            before = part.size
            try:
                self._continue(url, weight, part)
            except _Interrupted:
                if part.size <= before:
                    raise
                continue
            if sha256_of(part.path) == weight.sha256:
                part.finish(target)
                return
            part.discard()
            if not resumed:
                break
            # What an earlier run left may have been another file; from the beginning, once.
            resumed = False
        else:
            raise _Interrupted(f"{_host(url)} broke the connection {_ATTEMPTS} times")
        raise _WrongContent(f"{_host(url)} gave another file, of the wrong sha256")

    def _continue(self, url: str, weight: WeightFile, part: PartFile) -> None:
        """Add to ``part`` what is missing of it."""
        if part.size > weight.size:
            part.discard()
        if part.size == weight.size:
            return
        response = self._opener.open(url, part.range_headers())
        try:
            offset = _offset(response, part.size, weight, url)
            part.remember(response.headers.get("etag", ""))
            with part.open(offset) as stream, self._reporter.download(weight.file, weight.size, offset) as told:
                there = offset
                for chunk in response.iter_raw():
                    there += len(chunk)
                    if there > weight.size:
                        break
                    stream.write(chunk)
                    told(there)
        except httpx.TransportError:
            raise _Interrupted(f"{_host(url)} broke the connection") from None
        finally:
            response.close()
        if there > weight.size:
            part.discard()
            raise _WrongContent(f"{_host(url)} gave a larger file")
        if there < weight.size:
            raise _Interrupted(f"{_host(url)} gave only {there} of {weight.size} bytes")


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Let one process at a time write into the folder of ``target``: two would write into the same part file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


class PartFile:
    """``<file>.part`` and, beside it, which version at which address it is a part of."""

    def __init__(self, target: Path, url: str) -> None:
        self.path = target.with_name(target.name + ".part")
        self._tag = target.with_name(target.name + ".part.etag")
        self._url = url

    @property
    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def range_headers(self) -> dict[str, str]:
        """What to ask for: the rest, provided that the file is still the one that this is a part of."""
        if not self.size:
            return {}
        headers = {"range": f"bytes={self.size}-"}
        url, _, etag = self._remembered().partition("\n")
        if url == self._url and etag and not etag.startswith("W/"):
            headers["if-range"] = etag
        return headers

    def remember(self, etag: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._tag.write_text(f"{self._url}\n{etag}", "utf-8")

    def open(self, offset: int) -> BinaryIO:
        """The part file, to be written from ``offset`` on."""
        stream: BinaryIO = self.path.open("r+b" if offset else "wb")
        stream.truncate(offset)
        stream.seek(offset)
        return stream

    def finish(self, target: Path) -> None:
        self.path.replace(target)
        self._tag.unlink(missing_ok=True)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._tag.unlink(missing_ok=True)

    def _remembered(self) -> str:
        try:
            return self._tag.read_text("utf-8")
        except (OSError, ValueError):
            return ""


def _offset(response: httpx.Response, there: int, weight: WeightFile, url: str) -> int:
    """Where the answer's first byte belongs."""
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        span = response.headers.get("content-range", "")
        if span.startswith(f"bytes {there}-") and span.endswith((f"/{weight.size}", "/*")):
            return there
        raise _WrongContent(f"{_host(url)} gave another part than asked for")
    if response.status_code != httpx.codes.OK:
        raise _WrongContent(f"{_host(url)} answered {response.status_code}")
    length = response.headers.get("content-length")
    if length is not None and length != str(weight.size):
        raise _WrongContent(f"{_host(url)} gave a file of another size")
    return 0


def _host(url: str) -> str:
    return httpx.URL(url).host
