"""How the page is served: from memory, under a strict content policy, with the server's limits written into it."""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest

from gateway import page
from gateway.app import create_app
from gateway.web import WEB
from limner.settings import Settings

OpenClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

INDEX = '<!doctype html><meta name="limner-limits" content="{}" /><script src="./assets/a-1.js"></script>'
SCRIPT = b"console.log('a script that is long enough to be worth compressing');" * 40


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small page in place of the built one."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(INDEX)
    (tmp_path / "assets" / "a-1.js").write_bytes(SCRIPT)
    (tmp_path / "assets" / "b-2.webp").write_bytes(b"RIFF")
    (tmp_path / "assets" / "c 3.js").write_bytes(SCRIPT)
    (tmp_path / "assets" / "folder").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr(page, "DIST", tmp_path)
    return tmp_path


def app(**settings: object) -> object:
    return create_app(Settings(**settings), "127.0.0.1:1")  # type: ignore[arg-type]


async def test_the_page_holds_the_limits_and_a_strict_policy(built: Path, call_app: OpenClient) -> None:
    async with call_app(app(max_upload_bytes=123, result_ttl=60.0)) as client:
        answer = await client.get("/")
    limits = re.search('name="limner-limits" content="([^"]*)"', answer.text)
    assert limits is not None
    assert json.loads(html.unescape(limits[1])) == {
        "max_upload_bytes": 123,
        "max_archive_bytes": 100_000_000,
        "result_ttl": 60.0,
        "keys": False,
    }
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "data:" not in policy
    assert "http" not in policy
    for part in ("default-src 'none'", "script-src 'self'", "trusted-types 'none'", "frame-ancestors 'none'"):
        assert part in policy
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]


async def test_the_page_is_asked_for_again_and_its_files_are_not(built: Path, call_app: OpenClient) -> None:
    async with call_app(app()) as client:
        index = await client.get("/")
        assert index.headers["cache-control"] == "no-cache"
        etag = index.headers["etag"]
        for known in (etag, etag.removeprefix("W/"), f'"other", {etag}'):
            again = await client.get("/", headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
            for name in ("etag", "vary", "cache-control", "content-security-policy"):
                assert again.headers[name] == index.headers[name]
        for known in ('"other"', "", etag[:-2]):
            assert (await client.get("/", headers={"If-None-Match": known})).status_code == 200
        script = await client.get("/assets/a-1.js")
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert script.headers["content-type"].startswith("text/javascript")
        assert (await client.head("/assets/a-1.js")).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.8", True),
        ("identity", False),
        ("", False),
        ("gzip;q=0", False),
        ("gzip;q=0.0, br", False),
        ("x-gzip2", False),
    ],
)
async def test_scripts_are_compressed_for_those_who_take_it(
    built: Path, call_app: OpenClient, accepted: str, compressed: bool
) -> None:
    async with (
        call_app(app()) as client,
        client.stream("GET", "/assets/a-1.js", headers={"Accept-Encoding": accepted}) as answer,
    ):
        raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert (answer.headers.get("content-encoding") == "gzip") == compressed
    assert answer.headers["vary"] == "Accept-Encoding"
    assert (gzip.decompress(raw) if compressed else raw) == SCRIPT
    assert len(raw) == int(answer.headers["content-length"])


async def test_pictures_are_sent_as_they_are(built: Path, call_app: OpenClient) -> None:
    async with call_app(app()) as client:
        answer = await client.get("/assets/b-2.webp")
    assert answer.headers["content-type"] == "image/webp"
    assert "content-encoding" not in answer.headers
    assert answer.content == b"RIFF"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/none.js",
        "/assets/../secret.txt",
        "/assets/%2e%2e/secret.txt",
        "/assets/..%2fsecret.txt",
        "/assets/",
        "/assets/folder",
        "/assets/c%203.js",
        "/index.html",
    ],
)
async def test_nothing_else_is_served(built: Path, call_app: OpenClient, path: str) -> None:
    async with call_app(app()) as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_page_needs_no_key_and_says_that_calls_do(built: Path, call_app: OpenClient) -> None:
    async with call_app(app(api_keys="a:" + "0" * 64)) as client:
        index = await client.get("/")
        assert '"keys": true' in html.unescape(index.text)
        assert (await client.get("/assets/a-1.js")).status_code == 200
        assert (await client.get("/v1/models")).status_code == 401


def test_the_source_has_a_place_for_the_limits() -> None:
    assert (WEB / "index.html").read_text("utf-8").count(page._LIMITS) == 1


async def test_a_build_that_lacks_its_files_stops_no_gateway(built: Path, call_app: OpenClient) -> None:
    for path in (built / "assets").iterdir():
        path.rmdir() if path.is_dir() else path.unlink()
    (built / "assets").rmdir()
    async with call_app(app()) as client:
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/assets/a-1.js")).status_code == 404


async def test_answers_of_the_api_are_not_compressed(built: Path, call_app: OpenClient) -> None:
    async with call_app(app()) as client:
        answer = await client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert len(answer.content) > 10_000
    assert "content-encoding" not in answer.headers


async def test_without_a_build_the_api_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call_app: OpenClient
) -> None:
    monkeypatch.setattr(page, "DIST", tmp_path / "none")
    async with call_app(app()) as client:
        answer = await client.get("/")
        assert (await client.get("/assets/a-1.js")).status_code == 404
    assert answer.status_code == 200
    for words in ("make page", "curl", "照片"):
        assert words in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
