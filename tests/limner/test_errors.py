"""The exception tree: its docstring, its types and its way through Triton's messages."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner import errors
from limner.errors import BY_TYPE, EmptyImage, LimnerError, from_wire


def tree(root: type[LimnerError]) -> Iterator[tuple[int, type[LimnerError]]]:
    """Depth and class, parents first."""
    pending = [(0, root)]
    while pending:
        depth, cls = pending.pop()
        yield depth, cls
        pending += [(depth + 1, child) for child in cls.__subclasses__() if child.__module__ == errors.__name__]


CLASSES = [cls for _, cls in tree(LimnerError)]


def documented() -> Iterator[tuple[int, str, str | None, str | None]]:
    """Depth, name, status and type of each line of the module's tree."""
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│├└─ ]*)(\w+)(?: +(\d{3})  ([a-z-]+))?", line)
        if found:
            yield len(found[1]) // 4, found[2], found[3], found[4]


def test_docstring_shows_the_whole_tree() -> None:
    assert sorted((depth, name) for depth, name, _, _ in documented()) == sorted(
        (depth, cls.__name__) for depth, cls in tree(LimnerError)
    )


def test_docstring_shows_the_right_parents() -> None:
    parents: dict[int, str] = {}
    for depth, name, _, _ in documented():
        cls = getattr(errors, name)
        assert depth == 0 or cls.__base__.__name__ == parents[depth - 1]
        parents[depth] = name


def test_docstring_shows_the_right_status_and_type() -> None:
    shown = {name: (int(status), kind) for _, name, status, kind in documented() if status and kind}
    assert shown == {cls.__name__: (cls.status, cls.type) for cls in CLASSES if cls.__name__ in shown}
    leaves_with_status = {cls.__name__ for cls in CLASSES if cls.status != 500 and not cls.__subclasses__()}
    assert set(shown) >= leaves_with_status


def test_types_are_unique_and_stable_words() -> None:
    assert {cls.type: cls for cls in CLASSES} == BY_TYPE
    assert len(BY_TYPE) == len(CLASSES)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", kind) for kind in BY_TYPE)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_error_has_words_and_a_status(cls: type[LimnerError]) -> None:
    assert cls.title[0].isupper()
    assert 400 <= cls.status < 600


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize(
    "message", ["Send another one.", "Two lines.\nSend one.", "照片太大。", "It says [not-found] within.", ""]
)
def test_wire_and_back(cls: type[LimnerError], message: str) -> None:
    received = from_wire(cls(message).to_wire())
    assert type(received) is cls
    assert received.message == str(received) == message


@pytest.mark.parametrize(
    "text",
    [
        "in ensemble 'face_enhance', {}",
        "[request id: a1b2] in ensemble 'face_enhance', {}",
        "Failed to process the request(s) for model instance 'decode_image_0_0', message: TritonModelException: {}",
        "[StatusCode.INVALID_ARGUMENT] {}\n",
    ],
)
def test_error_is_found_inside_tritons_own_words(text: str) -> None:
    received = from_wire(text.format(EmptyImage("The file is empty. Send a photo.").to_wire()))
    assert type(received) is EmptyImage
    assert received.message == "The file is empty. Send a photo."


@pytest.mark.parametrize("text", ["", "empty-image", "[empty-image]", "[Empty-Image] x", "[nothing-of-ours] x", "[] x"])
def test_foreign_messages_carry_none_of_our_errors(text: str) -> None:
    assert from_wire(text) is None


WORDS = st.sampled_from(["[", "]", " ", "-", "\n", *(f"[{kind}] " for kind in BY_TYPE)])


@given(st.text() | st.lists(WORDS | st.text(max_size=5)).map("".join))
def test_any_text_is_an_error_of_ours_or_none(text: str) -> None:
    received = from_wire(text)
    assert received is None or (type(received) in CLASSES and f"[{received.type}] " in text)
