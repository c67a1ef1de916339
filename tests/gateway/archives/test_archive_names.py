from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.archives.names import MAX_PART_BYTES, UniqueNames, decoded, extension_of, leads_out, safe_path


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("照片/王芳.jpg".encode("gb18030"), "照片/王芳.jpg"),
        ("照片/王芳.jpg".encode(), "照片/王芳.jpg"),
        ("联通.jpg".encode("gb18030"), "联通.jpg"),  # the word that Notepad once took for UTF-8
        ("乗\\誠.jpg".encode("gb18030"), "乗\\誠.jpg"),
        (b"plain.jpg", "plain.jpg"),
        (b"\xff\xff.jpg", "��.jpg"),
    ],
)
def test_decoded(raw: bytes, name: str) -> None:
    assert decoded(raw) == name


def test_a_backslash_inside_a_chinese_character_is_no_separator() -> None:
    raw = "誠\\a.jpg".encode("gb18030")
    assert raw.count(b"\\") == 2
    assert safe_path(decoded(raw)) == "誠/a.jpg"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("a\\b.jpg", "a/b.jpg"),
        ("..\\..\\x.jpg", "x.jpg"),
        ("/etc/x.jpg", "etc/x.jpg"),
        ("C:\\x.jpg", "C_/x.jpg"),
        ("a//./b.jpg", "a/b.jpg"),
        ("...", "unnamed"),
        ("", "unnamed"),
        ("a\r\nb\0.jpg", "ab.jpg"),
        ("gpj.\u202eexe.jpg", "gpj.exe.jpg"),
        (".\u200b./x.jpg", "x.jpg"),
        ("what?.jpg ", "what_.jpg"),
        ("nul.jpg", "_nul.jpg"),
        ("e\u0301.jpg", "é.jpg"),
        ("\ud800x.jpg", "x.jpg"),
    ],
)
def test_safe_path(name: str, path: str) -> None:
    assert safe_path(name) == path


@pytest.mark.parametrize("name", ["/a", "\\a", "C:\\a", "c:a", " D:/a", "../a", "a/../b", "a\\..\\b", "..", "a/.. /b"])
def test_paths_that_lead_out(name: str) -> None:
    assert leads_out(name)


@pytest.mark.parametrize("name", ["a", "a/b", "a..b/c", "...", "ab:c/d", ""])
def test_paths_that_stay(name: str) -> None:
    assert not leads_out(name)


@pytest.mark.parametrize(
    ("path", "extension"), [("a.JPG", "jpg"), ("a.b/c", ""), ("a", ""), ("a.tar.gz", "gz"), ("d.x/a.png", "png")]
)
def test_extension_of(path: str, extension: str) -> None:
    assert extension_of(path) == extension


def test_names_are_given_out_once_whatever_their_case() -> None:
    names = UniqueNames()
    given = [names.take(name) for name in ("a.jpg", "a.jpg", "A.JPG", "a (2).jpg", "d.x/a", "d.x/a", "a.jpg")]
    assert given == ["a.jpg", "a (2).jpg", "A (3).JPG", "a (2) (2).jpg", "d.x/a", "d.x/a (2)", "a (4).jpg"]


def test_many_of_one_name_take_linear_time() -> None:
    names = UniqueNames()
    assert len({names.take("a.jpg") for _ in range(65_000)}) == 65_000


@given(st.lists(st.text(max_size=400), max_size=8))
def test_any_names_become_safe_and_unique(given_names: list[str]) -> None:
    names = UniqueNames()
    paths = [names.take(name) for name in given_names]
    assert len({path.casefold() for path in paths}) == len(paths)
    for path in paths:
        assert not leads_out(path)
        for part in path.split("/"):
            assert 0 < len(part.encode()) <= MAX_PART_BYTES + len(" (10)")
            assert part.strip(" .")
            assert all(unicodedata.category(character)[0] != "C" for character in part)
