from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.multipart import MAX_FIELD_BYTES, MAX_FIELDS, MAX_OVERHEAD_BYTES, Form, FormReader
from limner.errors import EmptyImage, FileTooLarge, InputError, InvalidForm

BOUNDARY = b"limner-test"
CONTENT_TYPE = "multipart/form-data; boundary=limner-test"
FILE_HEADER = b'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg'


def part(header: bytes, data: bytes) -> bytes:
    return b"--" + BOUNDARY + b"\r\n" + header + b"\r\n\r\n" + data + b"\r\n"


def option(name: str, value: bytes) -> bytes:
    return part(b'Content-Disposition: form-data; name="' + name.encode() + b'"', value)


END = b"--" + BOUNDARY + b"--\r\n"


def parse(body: bytes, cuts: list[int] | None = None, limit: int = 1000, content_type: str = CONTENT_TYPE) -> Form:
    reader = FormReader(content_type, limit)
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts or []), len(body)]
    for start, end in pairwise(edges):
        reader.feed(body[start:end])
    return reader.finish()


def test_file_and_fields() -> None:
    form = parse(option("quality", b"80") + part(FILE_HEADER, b"\xff\xd8data") + option("aligned", b"true") + END)
    assert form.file == b"\xff\xd8data"
    assert form.filename == "a.jpg"
    assert form.fields == {"quality": "80", "aligned": "true"}


def test_wiped_form_holds_zeros() -> None:
    form = parse(part(FILE_HEADER, b"secret") + END)
    form.wipe()
    assert form.file == bytes(6)


@pytest.mark.parametrize(
    "header",
    [
        'form-data; name="file"; filename="王芳.jpg"'.encode(),
        b'form-data; name=file; filename="a;b\\"c.jpg"',
        b'form-data; name="file"',
    ],
    ids=["chinese", "quoted", "unnamed"],
)
def test_file_headers_of_real_clients(header: bytes) -> None:
    assert parse(part(b"content-disposition: " + header, b"x") + END).file == b"x"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "closing boundary"),
        (END, "no file"),
        (part(FILE_HEADER, b"x"), "closing boundary"),
        (b"this is no form", "malformed"),
        (option("quality", b"80") + END, "no file"),
        (part(FILE_HEADER, b"x") * 2 + END, "two files"),
        (option("quality", b"80") * 2 + part(FILE_HEADER, b"x") + END, "twice"),
        (part(FILE_HEADER.replace(b'"file"', b'"photo"'), b"x") + END, "not named 'file'"),
        (part(b"Content-Type: image/jpeg", b"x") + END, "no name"),
        (part(b'Content-Disposition: attachment; name="file"', b"x") + END, "no name"),
        (option("quality", b"8" * (MAX_FIELD_BYTES + 1)) + END, "longer than"),
        (b"".join(option(f"f{number}", b"1") for number in range(MAX_FIELDS + 1)) + END, "more than 32 fields"),
        (part(FILE_HEADER + b"\r\nX-A: " + b"a" * 5000, b"x") + END, "malformed"),
        (part(FILE_HEADER + b"\r\nX-A: a" * 10, b"x") + END, "malformed"),
        (part(FILE_HEADER, (b"\r\n--" + BOUNDARY + b"x") * 100) + END, "boundary stands inside"),
        (part(FILE_HEADER, b"x") + END + b"e" * (MAX_OVERHEAD_BYTES + 1), "beside the file"),
    ],
)
def test_refused_forms_say_why(body: bytes, words: str) -> None:
    with pytest.raises(InvalidForm, match=words):
        parse(body)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "image/jpeg",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 999,
    ],
    ids=["none", "image", "no boundary", "empty boundary", "long boundary"],
)
def test_refused_content_types(content_type: str) -> None:
    with pytest.raises(InvalidForm):
        parse(END, content_type=content_type)


def test_empty_file() -> None:
    with pytest.raises(EmptyImage):
        parse(part(FILE_HEADER, b"") + END)


def test_file_at_the_limit_passes_and_one_byte_more_is_refused_at_once() -> None:
    assert len(parse(part(FILE_HEADER, b"x" * 1000) + END).file) == 1000
    reader = FormReader(CONTENT_TYPE, 1000)
    with pytest.raises(FileTooLarge, match=r"0\.001 MB"):
        reader.feed(part(FILE_HEADER, b"x" * 1001)[:-2])
    assert len(reader.form.file) <= 1000


# Bytes that resemble boundaries are what goes wrong at the edges of chunks.
awkward = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"--", b"\r\n--", b"\r\n--limner", BOUNDARY, b"x"]) | st.binary(max_size=9),
    max_size=12,
).map(b"".join)
cut_lists = st.lists(st.integers(0, 5000), max_size=20)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(data=awkward, value=st.binary(max_size=30), cuts=cut_lists)
def test_chunking_makes_no_difference(data: bytes, value: bytes, cuts: list[int]) -> None:
    delimiter = b"\r\n--" + BOUNDARY
    if any(delimiter in b"\r\n" + content + b"\r\n" for content in (data, value)):
        return  # Such content would need another boundary.
    body = option("quality", value) + part(FILE_HEADER, b"x" + data) + END
    form = parse(body, cuts)
    assert form == parse(body)
    assert form.file == b"x" + data
    assert form.fields["quality"] == value.decode("utf-8", "replace")


@settings(derandomize=True, max_examples=400, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 12), awkward), min_size=1, max_size=4), cuts=cut_lists
)
def test_damaged_bodies_are_read_or_refused(edits: list[tuple[int, int, bytes]], cuts: list[int]) -> None:
    body = option("quality", b"80") + part(FILE_HEADER, b"\xff\xd8\r\n--\r\ndata") + END
    for position, removed, inserted in edits:
        at = position % (len(body) + 1)
        body = body[:at] + inserted + body[at + removed :]
    try:
        form = parse(body, cuts)
    except InputError:
        return
    assert 0 < len(form.file) <= 1000
