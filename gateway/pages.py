"""The page ``/docs``, and the document behind it. No script, nothing from another host."""

from __future__ import annotations

import base64
import hashlib

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from gateway.docs_page import render_docs
from gateway.envelope import SECURITY_HEADERS

router = APIRouter(include_in_schema=False)

STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
pre { background: #f2f2f2; color: #111; padding: .75rem; overflow-x: auto; }
table { border-collapse: collapse; }
td, th { border: 1px solid #bbb; padding: .25rem .5rem; text-align: left; vertical-align: top; }
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
PAGE_HEADERS = {
    "Content-Security-Policy": f"{SECURITY_HEADERS['Content-Security-Policy']}; style-src 'sha256-{_HASH}'",
    "Cache-Control": "no-cache",
}


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    return plain_page("Limner: HTTP API", render_docs(request.app.openapi()))


@router.get("/openapi.json")
async def openapi_json(request: Request) -> JSONResponse:
    return JSONResponse(request.app.openapi())


def plain_page(title: str, body: str) -> HTMLResponse:
    """``body`` is HTML that is trusted."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    html = f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>'
    return HTMLResponse(html, headers=PAGE_HEADERS)
