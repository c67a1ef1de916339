"""What the client makes of the head of an answer."""

from __future__ import annotations

import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.client.answers import printable, read_photo
from limner.errors import LimnerError


@given(st.text(), st.text())
def test_no_header_is_an_accident(disposition: str, report: str) -> None:
    headers = {
        b"content-type": b"image/png",
        b"content-disposition": disposition.encode(),
        b"limner-report": report.encode(),
    }
    response = httpx.Response(200, headers=headers)
    photo = read_photo(response, b"picture", {})
    assert photo.filename == printable(photo.filename)
    assert not re.search(r"[/\\]", photo.filename)
    assert photo.filename not in {"", ".", ".."}
    with pytest.raises(LimnerError):
        read_photo(response, b"picture", None)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('inline; filename="../../etc/passwd"', "passwd"),
        ("inline; filename*=UTF-8''..%2F..%2F%E7%8E%8B.png", "王.png"),
        ("inline; filename=enhanced.png; filename*=UTF-8''%E7%8E%8B.png", "王.png"),
        ('inline; filename="C:\\\\x\\\\a.png"', "a.png"),
        ("inline; filename*=UTF-8''a%1b%5b31m%00.png", "a[31m.png"),
        ("inline; filename=..", "enhanced.png"),
        ("inline", "enhanced.png"),
    ],
)
def test_the_name_of_a_result_is_no_path(disposition: str, name: str) -> None:
    head = {"content-type": "image/png", "content-disposition": disposition}
    assert read_photo(httpx.Response(200, headers=head), b"picture", {}).filename == name
