"""Downloads against a real server on this machine, with the faults of real ones."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from export.download import Downloader
from export.progress import Reporter
from export.registry import WeightFile, weight_file
from limner.errors import DownloadFailed
from limner.settings import Settings
from tests.export.file_server import FileServer

CONTENT = random.Random(7).randbytes(3_000_000)
TIMEOUT = 0.4

Fetch = Callable[..., Path]


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(CONTENT) as running:
        yield running


def published(*urls: str, file: str = "net.pth") -> WeightFile:
    return dataclasses.replace(
        weight_file("RealESRGAN_x4plus.pth"),
        file=file,
        urls=urls,
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )


@pytest.fixture
def fetch(make_settings: Callable[..., Settings], reporter: Reporter) -> Fetch:
    def call(weight: WeightFile, mirrors: tuple[str, ...] = ()) -> Path:
        settings = make_settings(offline=False, mirrors=mirrors, download_timeout=TIMEOUT)
        with Downloader(settings, reporter) as downloads:
            return downloads.fetch(weight)

    return call


def leftovers(path: Path) -> list[str]:
    return sorted(item.name for item in path.parent.iterdir() if item.name != path.name)


def test_whole_file(server: FileServer, fetch: Fetch, said: io.StringIO) -> None:
    path = fetch(published(f"{server.url}/net.pth"))
    assert path.read_bytes() == CONTENT
    assert leftovers(path) == []
    assert "net.pth: 3 of 3 MB" in said.getvalue()


def test_two_at_once_fetch_it_once_between_them(server: FileServer, fetch: Fetch) -> None:
    weight = published(f"{server.url}/net.pth")
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: fetch(weight), range(4)))
    assert len(set(paths)) == 1
    assert paths[0].read_bytes() == CONTENT
    assert leftovers(paths[0]) == []


def test_dropped_connections_are_continued(server: FileServer, fetch: Fetch) -> None:
    server.drop_after = [1_000_000, 500_000]
    path = fetch(published(f"{server.url}/net.pth"))
    assert path.read_bytes() == CONTENT
    assert [request.get("range") for request in server.requests] == [None, "bytes=1000000-", "bytes=1500000-"]
    assert server.requests[1]["if-range"] == '"one"'


def test_a_later_run_continues(server: FileServer, fetch: Fetch, make_settings: Callable[..., Settings]) -> None:
    part = make_settings().weights_dir / "net.pth.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:2_000_000])
    assert fetch(published(f"{server.url}/net.pth")).read_bytes() == CONTENT
    assert server.requests[0]["range"] == "bytes=2000000-"


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: FileServer, fetch: Fetch) -> None:
    server.drop_after = [1_000_000]
    weight = published(f"{server.url}/net.pth")
    server.content = bytes(len(CONTENT))
    with pytest.raises(DownloadFailed):
        fetch(weight)
    server.content, server.etag = CONTENT, '"two"'
    assert fetch(weight).read_bytes() == CONTENT


def test_part_of_another_file_is_thrown_away(
    server: FileServer, fetch: Fetch, make_settings: Callable[..., Settings]
) -> None:
    part = make_settings().weights_dir / "net.pth.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1_000_000)
    assert fetch(published(f"{server.url}/net.pth")).read_bytes() == CONTENT


def test_part_that_is_too_long_is_thrown_away(
    server: FileServer, fetch: Fetch, make_settings: Callable[..., Settings]
) -> None:
    part = make_settings().weights_dir / "net.pth.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT + b"more")
    assert fetch(published(f"{server.url}/net.pth")).read_bytes() == CONTENT


def test_server_without_ranges(server: FileServer, fetch: Fetch) -> None:
    server.ranges, server.drop_after = False, [1_000_000]
    assert fetch(published(f"{server.url}/net.pth")).read_bytes() == CONTENT


def test_wrong_content_is_never_used(server: FileServer, fetch: Fetch, make_settings: Callable[..., Settings]) -> None:
    server.content = bytes(len(CONTENT))
    with pytest.raises(DownloadFailed, match=r"net\.pth is not in LIMNER_WEIGHTS.*wrong sha256.*LIMNER_MIRRORS"):
        fetch(published(f"{server.url}/net.pth"))
    assert list(make_settings().weights_dir.iterdir()) == []


@pytest.mark.parametrize(("content", "reason"), [(CONTENT + b"x", "another size"), (CONTENT[:-1], "another size")])
def test_wrong_size_is_not_downloaded(server: FileServer, fetch: Fetch, content: bytes, reason: str) -> None:
    server.content = content
    with pytest.raises(DownloadFailed, match=reason):
        fetch(published(f"{server.url}/net.pth"))


def test_missing_page_falls_through_to_the_next(server: FileServer, fetch: Fetch) -> None:
    with FileServer(CONTENT, status=404) as missing:
        weight = published(f"{missing.url}/net.pth", f"{server.url}/net.pth")
        assert fetch(weight).read_bytes() == CONTENT
        with pytest.raises(DownloadFailed, match="answered 404"):
            fetch(published(f"{missing.url}/other.pth", file="other.pth"))


def test_mirror_comes_first(server: FileServer, fetch: Fetch) -> None:
    with FileServer(CONTENT) as mirror:
        fetch(published(f"{server.url}/net.pth"), mirrors=(f"{mirror.url}/files/",))
        assert len(mirror.requests) == 1
    assert server.requests == []


def test_hanging_host_costs_one_timeout(fetch: Fetch) -> None:
    with FileServer(CONTENT, hang=True) as hanging:
        started = time.monotonic()
        with pytest.raises(DownloadFailed, match="could not be reached"):
            fetch(published(f"{hanging.url}/net.pth"))
        assert time.monotonic() - started < TIMEOUT + 1


def test_unreachable_host_is_not_asked_again(make_settings: Callable[..., Settings], reporter: Reporter) -> None:
    with FileServer(CONTENT, hang=True) as hanging:
        settings = make_settings(offline=False, download_timeout=TIMEOUT)
        with Downloader(settings, reporter) as downloads:
            for name in ("a.pth", "b.pth", "c.pth"):
                with pytest.raises(DownloadFailed, match="could not be reached"):
                    downloads.fetch(published(f"{hanging.url}/{name}", file=name))
        assert len(hanging.requests) == 1


def test_refused_connection(fetch: Fetch) -> None:
    with FileServer(CONTENT) as closed:
        url = closed.url
    with pytest.raises(DownloadFailed, match="could not be reached"):
        fetch(published(f"{url}/net.pth"))


def test_offline_asks_nobody(server: FileServer, make_settings: Callable[..., Settings], reporter: Reporter) -> None:
    with (
        Downloader(make_settings(), reporter) as downloads,
        pytest.raises(DownloadFailed, match="LIMNER_OFFLINE forbids"),
    ):
        downloads.fetch(published(f"{server.url}/net.pth"))
    assert server.requests == []
