"""The page has words, in both languages, for whatever the server says."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, replace
from typing import Any

import pytest

from ensemble import notes
from ensemble.photo import PhotoInfo
from gateway.archives import members
from gateway.web import WEB
from limner.errors import LimnerError
from limner.settings import PROJECT_ROOT
from tests.gateway.test_openapi_document import sent_errors

WORDS = WEB / "src" / "i18n"
NGINX = PROJECT_ROOT / "deploy" / "nginx" / "limner" / "problems.conf"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_problem_has_a_sentence(language: str) -> None:
    text = (WORDS / language / "problem.ts").read_text("utf-8")
    known = set(re.findall(r'^  "?([a-z][a-z-]*)"?:', text, re.MULTILINE))
    kinds: dict[str, type[LimnerError]] = sent_errors()
    assert set(kinds) <= known
    nginx = set(re.findall(r"urn:limner:problem:([a-z-]+)", NGINX.read_text("utf-8")))
    assert "server-unreachable" in nginx
    assert nginx <= known


def test_the_page_knows_why_files_are_passed_over() -> None:
    """``Refused.tsx`` translates the sentences of ``gateway/archives``."""
    patterns = re.findall(r"\[/(\^It is .*?)/, ", (WEB / "src" / "batch" / "Refused.tsx").read_text("utf-8"))
    sentences = re.findall(r'return f?"(It is [^"]+)"', inspect.getsource(members._reason_to_skip))
    assert len(sentences) == len(patterns) == 4
    for sentence in sentences:
        assert any(re.search(pattern, sentence) for pattern in patterns), sentence


def test_the_page_knows_the_server_s_notes() -> None:
    """``notes.ts`` translates sentences of ``ensemble/notes.py``: each is matched by one of its patterns."""
    zeros: dict[str, Any] = {field.name: 0 for field in fields(PhotoInfo)}
    info = PhotoInfo(**zeros)
    faces = [
        {"restored": True, "colour_shift": 50.0, "identity": {"action": action}} for action in ("blended", "left out")
    ]
    sentences = notes.photo_notes(replace(info, frames=3, bit_depth=16), "jpeg", "webp") + notes.face_notes(faces, 7)
    assert len(sentences) == 7
    patterns = re.findall(r"/((?:\^| )[A-Za-z].*?)/[,\]]", (WEB / "src" / "photo" / "notes.ts").read_text("utf-8"))
    for sentence in sentences:
        assert any(re.search(pattern, sentence) for pattern in patterns), sentence
