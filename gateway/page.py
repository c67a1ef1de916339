"""The page at ``/`` and the files it loads. What ``make page`` has built is read once, at start, into memory."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import re
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from gateway.envelope import SECURITY_HEADERS
from gateway.pages import plain_page
from gateway.web import DIST
from limner.settings import Settings

router = APIRouter(include_in_schema=False)
log = logging.getLogger("limner.page")

PAGE_POLICY: Final = (
    f"{SECURITY_HEADERS['Content-Security-Policy']}; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""``blob:`` is for photos that are in the page only."""

_PAGE_HEADERS: Final = {
    "Content-Security-Policy": PAGE_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-cache",
}
_ASSET_HEADERS: Final = {"Cache-Control": "public, max-age=31536000, immutable"}  # names change with their contents
_VARY: Final = {"Vary": "Accept-Encoding"}
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_COMPRESSED: Final = frozenset({"text/css", "text/html", "text/javascript", "image/svg+xml"})
_LIMITS: Final = '<meta name="limner-limits" content="{}" />'

_NOT_BUILT: Final = """
<h1>Limner</h1>
<p>Restores low-quality face photos. Photos are never stored.</p>
<p>The page has not been built: <code>make page</code> does it, then start again. The API works without it:</p>
<pre>curl -f -F file=@photo.jpg {base}v1/enhance -o enhanced.jpg</pre>
<p><a href="/docs">All calls and options</a> · <a href="/v1/models">Models</a></p>
<section lang="zh">
<h2>Limner 人像修复</h2>
<p>修复低质量的人脸照片。照片不会被保存。</p>
<p>网页尚未构建：运行 <code>make page</code> 后重新启动即可。接口不受影响：</p>
<pre>curl -f -F file=@photo.jpg {base}v1/enhance -o enhanced.jpg</pre>
<p><a href="/docs">全部接口与参数</a> · <a href="/v1/models">模型</a></p>
</section>
"""


@dataclass(frozen=True)
class File:
    """A file of the page, and the same compressed, where that pays."""

    content: bytes
    media_type: str
    compressed: bytes | None

    @classmethod
    def of(cls, content: bytes, media_type: str) -> File:
        compressed = gzip.compress(content, 9, mtime=0) if media_type in _COMPRESSED else None
        return cls(content, media_type, compressed)

    @property
    def etag(self) -> str:
        """A weak one: it stands for the compressed form as well."""
        return f'W/"{hashlib.sha256(self.content).hexdigest()[:32]}"'


@dataclass(frozen=True)
class Page:
    """What was built: the page itself, and what it loads by name."""

    index: File
    assets: dict[str, File]


def load_page(settings: Settings) -> Page | None:
    """The page out of :data:`DIST`, with the limits of ``settings`` written into it; None where it was not built."""
    index = DIST / "index.html"
    if not index.is_file():
        log.warning("The page has not been built; `make page` does it. The API works without it.")
        return None
    limits = escape(json.dumps(_limits(settings)))
    html = index.read_text("utf-8").replace(_LIMITS, _LIMITS.replace("{}", limits))
    assets = {
        path.name: File.of(path.read_bytes(), _TYPES.get(path.suffix, "application/octet-stream"))
        for path in DIST.glob("assets/*")
        if path.is_file() and _NAME.fullmatch(path.name)
    }
    return Page(File.of(html.encode(), "text/html"), assets)


def _limits(settings: Settings) -> dict[str, Any]:
    return {
        "max_upload_bytes": settings.max_upload_bytes,
        "max_archive_bytes": settings.max_archive_bytes,
        "result_ttl": settings.result_ttl,
        "keys": settings.api_keys is not None,
    }


@router.api_route("/", methods=["GET", "HEAD"])
async def index(request: Request) -> Response:
    page: Page | None = request.app.state.page
    if page is None:
        return plain_page("Limner", _NOT_BUILT.format(base=escape(str(request.base_url))))
    headers = {**_PAGE_HEADERS, "ETag": page.index.etag}
    if _is_known(page.index.etag, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers={**headers, **_VARY})
    return _answer(request, page.index, headers)


@router.api_route("/assets/{name}", methods=["GET", "HEAD"])
async def asset(name: str, request: Request) -> Response:
    page: Page | None = request.app.state.page
    file = page.assets.get(name) if page is not None else None
    if file is None:
        raise HTTPException(404)
    return _answer(request, file, _ASSET_HEADERS)


def _answer(request: Request, file: File, headers: dict[str, str]) -> Response:
    if file.compressed is None:
        return Response(file.content, media_type=file.media_type, headers=headers)
    headers = {**headers, **_VARY}
    if not _takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(file.content, media_type=file.media_type, headers=headers)
    return Response(file.compressed, media_type=file.media_type, headers={**headers, "Content-Encoding": "gzip"})


def _is_known(etag: str, known: str) -> bool:
    """RFC 9110, 13.1.2: one of those that the client has, compared weakly."""
    return etag.removeprefix("W/") in {tag.strip().removeprefix("W/") for tag in known.split(",")}


def _takes_gzip(accepted: str) -> bool:
    """RFC 9110, 12.5.3: named, and not with a weight of 0."""
    return any(re.fullmatch(r"\s*gzip\s*(;\s*q=(1|0\.0*[1-9])\S*)?\s*", part) for part in accepted.split(","))
