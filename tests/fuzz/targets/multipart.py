"""A form: ``<size of pieces><Content-Type>LF<body>``; where it is cut into pieces must make no difference."""

from __future__ import annotations

from gateway.multipart import MAX_FIELD_BYTES, MAX_FIELDS, Form, FormReader
from limner.errors import InputError

MAX_FILE_BYTES = 1500
HEAD = b"multipart/form-data; boundary="
PART = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'


def seeds() -> list[bytes]:
    photo = PART % (b"file", b'; filename="a.jpg"\r\nContent-Type: image/jpeg', b"\xff\xd8\r\n--\r\n--b" + bytes(40))
    option = PART % (b"quality", b"", b"80")
    extended = PART % (b"file", b"; filename*=UTF-8''%E7%8E%8B.jpg", b"x")
    forms = [photo, option + photo, photo + option, extended, b"preamble\r\n" + photo, photo + photo, option * 40, b""]
    return [
        bytes([1 + size]) + HEAD + boundary + b"\n" + form + b"--b--\r\nepilogue"
        for size, form in enumerate(forms)
        for boundary in (b"b", b'"b"', b"b; charset=utf-8")
    ]


def check(data: bytes) -> None:
    head, _, body = data[1:].partition(b"\n")
    content_type = head.decode("latin-1")
    step = 1 + (data[0] if data else 0)
    whole = _read(content_type, [body])
    pieces = _read(content_type, [body[start : start + step] for start in range(0, len(body), step)])
    if isinstance(whole, Form):
        assert isinstance(pieces, Form), pieces
        assert whole == pieces, "where a form is cut decides what is in it"
        assert 0 < len(whole.file) <= MAX_FILE_BYTES
        assert len(whole.fields) <= MAX_FIELDS
        assert all(len(value) <= MAX_FIELD_BYTES for value in whole.fields.values())
        whole.wipe()
        assert not any(whole.file)
    elif isinstance(pieces, Form):
        # Delimiters that a cut goes through are not counted.
        assert "too many parts" in whole.message, whole.message


def _read(content_type: str, pieces: list[bytes]) -> Form | InputError:
    try:
        reader = FormReader(content_type, MAX_FILE_BYTES)
        for piece in pieces:
            reader.feed(piece)
        return reader.finish()
    except InputError as error:
        return error
