from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.filenames import content_disposition, result_name


@pytest.mark.parametrize(
    ("uploaded", "expected"),
    [
        ("me.jpg", "me_enhanced.png"),
        ("王芳.jpeg", "王芳_enhanced.png"),
        ("a.b.c.webp", "a.b.c_enhanced.png"),
        ("noextension", "noextension_enhanced.png"),
        ("../../etc/passwd", "passwd_enhanced.png"),
        ("C:\\photos\\me.jpg", "me_enhanced.png"),
        (".htaccess", "htaccess_enhanced.png"),
        ("", "photo_enhanced.png"),
        ("..", "photo_enhanced.png"),
        ("a\r\nSet-Cookie: x.jpg", "aSet-Cookie: x_enhanced.png"),
        ("gpj.\u202eexe.jpg", "gpj.exe_enhanced.png"),
    ],
)
def test_result_name(uploaded: str, expected: str) -> None:
    assert result_name(uploaded, "png") == expected


def test_jpeg_is_called_jpg() -> None:
    assert content_disposition("a b.png", "jpeg") == (
        "inline; filename=enhanced.jpg; filename*=UTF-8''a%20b_enhanced.jpg"
    )


@settings(derandomize=True, max_examples=300, deadline=None)
@given(uploaded=st.text(max_size=300))
def test_any_name_makes_a_safe_header(uploaded: str) -> None:
    header = content_disposition(uploaded, "webp")
    assert header.isascii()
    assert header.isprintable()
    assert '"' not in header
    name = unquote(header.partition("''")[2])
    assert name.endswith("_enhanced.webp")
    assert "/" not in name
    assert len(name) < 100
