"""multipart/form-data parsed in memory: fed by hand, every byte counted, nothing spooled to a file."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from limner.errors import EmptyImage, FileTooLarge, InvalidForm

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# Its warnings quote bytes of the form they refuse.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)

MAX_FIELDS = 32
MAX_FIELD_BYTES = 1024
MAX_HEADERS_PER_PART = 8
MAX_HEADER_BYTES = 4096
MAX_OVERHEAD_BYTES = 65_536
"""Everything in the body that is not the file: boundaries, headers, fields, epilogue."""

MAX_DELIMITERS = MAX_FIELDS + 8
"""A file full of near-delimiters would keep the parser busy for seconds; a form of our size needs few of them."""

FILE_FIELD = "file"
Kind = Literal["photo", "archive"]
_WHAT: dict[Kind, str] = {"photo": "a JPEG, PNG or WebP photo", "archive": "a ZIP or RAR archive with photos"}
HOW_TO_SEND = "Send multipart/form-data with the file in a part named 'file', for example curl -F file=@photo.jpg."


@dataclass
class Form:
    """A parsed form. ``file`` holds the photo or archive; ``filename`` is what the client called it, unchecked."""

    file: bytearray = field(default_factory=bytearray)
    filename: str = ""
    fields: dict[str, str] = field(default_factory=dict)

    def wipe(self) -> None:
        """Overwrite the file with zeros."""
        self.file[:] = bytes(len(self.file))


def boundary_of(content_type: str) -> bytes:
    """The boundary that a ``Content-Type`` header names.

    Raises:
        InvalidForm: it is no multipart/form-data, or names no boundary.
    """
    kind, parameters = parse_options_header(content_type)
    if kind.strip().lower() != b"multipart/form-data":
        raise InvalidForm(f"The request is not a form. {HOW_TO_SEND}")
    boundary = parameters.get(b"boundary", b"")
    if not boundary:
        raise InvalidForm("The Content-Type header names no boundary. Let the HTTP client set that header by itself.")
    return boundary


class FormReader:
    """Takes a body in chunks of any size; :meth:`finish` gives the form.

    Raises, from any method:
        InvalidForm: the body is malformed or over a limit other than the file's.
        FileTooLarge: as soon as the file is larger than ``max_file_bytes``.
        EmptyImage: the file has no bytes.
    """

    def __init__(self, content_type: str, max_file_bytes: int, kind: Kind = "photo") -> None:
        self.form = Form()
        self._kind = kind
        self._max_file_bytes = max_file_bytes
        self._received = 0
        self._delimiters = 0
        self._ended = False
        self._has_file = False
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = b""
        self._name = ""
        self._value = bytearray()
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._part_begin,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value_data,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_end": self._end,
        }
        boundary = boundary_of(content_type)
        self._delimiter = b"\r\n--" + boundary
        try:
            self._parser = MultipartParser(
                boundary,
                callbacks,
                max_header_count=MAX_HEADERS_PER_PART,
                max_header_size=MAX_HEADER_BYTES,
            )
        except FormParserError:
            raise InvalidForm("The boundary in the Content-Type header is too long.") from None

    def feed(self, chunk: bytes) -> None:
        """Parse the next bytes of the body."""
        self._received += len(chunk)
        self._delimiters += chunk.count(self._delimiter)
        if self._delimiters > MAX_DELIMITERS:
            raise InvalidForm("The form has too many parts, or its boundary stands inside the file.")
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise InvalidForm(f"The form is malformed. {HOW_TO_SEND}") from None
        if self._received - len(self.form.file) > MAX_OVERHEAD_BYTES:
            raise InvalidForm(f"The form holds more than {MAX_OVERHEAD_BYTES} bytes beside the file.")

    def finish(self) -> Form:
        """Check that the body is complete and hand over the form."""
        if not self._ended:
            raise InvalidForm("The form ends before its closing boundary. Send it again.")
        if not self._has_file:
            raise InvalidForm(f"The form has no file. {HOW_TO_SEND}")
        if not self.form.file:
            raise EmptyImage(f"The file is empty. Send {_WHAT[self._kind]}.")
        return self.form

    def close(self) -> None:
        """Let the form go with whoever has it. The parser and this reader hold each other until garbage is collected,
        which may be dozens of uploads later."""
        self.form = Form()

    def _part_begin(self) -> None:
        self._name = ""
        self._disposition = b""
        self._value.clear()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value_data(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _headers_finished(self) -> None:
        kind, parameters = parse_options_header(self._disposition)
        self._name = parameters.get(b"name", b"").decode("utf-8", "replace")
        if kind.strip() != b"form-data" or not self._name:
            raise InvalidForm(f"A part of the form has no name. {HOW_TO_SEND}")
        if self._name == FILE_FIELD:
            if self._has_file:
                raise InvalidForm(f"The form has two files. Send one {self._kind} a request.")
            self._has_file = True
            self.form.filename = parameters.get(b"filename", b"").decode("utf-8", "replace")
        elif b"filename" in parameters:
            raise InvalidForm(f"The form has a file in a part not named 'file'. {HOW_TO_SEND}")
        elif self._name in self.form.fields:
            raise InvalidForm(f"The field {self._name[:40]!r} is there twice. Send each option once.")
        elif len(self.form.fields) >= MAX_FIELDS:
            raise InvalidForm(f"The form has more than {MAX_FIELDS} fields.")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE_FIELD:
            if len(self.form.file) + end - start > self._max_file_bytes:
                raise file_too_large(self._max_file_bytes, self._kind)
            self.form.file += memoryview(data)[start:end]
        else:
            if len(self._value) + end - start > MAX_FIELD_BYTES:
                raise InvalidForm(f"The field {self._name[:40]!r} is longer than {MAX_FIELD_BYTES} bytes.")
            self._value += data[start:end]

    def _part_end(self) -> None:
        if self._name != FILE_FIELD:
            self.form.fields[self._name] = self._value.decode("utf-8", "replace")

    def _end(self) -> None:
        self._ended = True


def file_too_large(limit: int, kind: Kind = "photo") -> FileTooLarge:
    """The error that names the limit, given in bytes."""
    return FileTooLarge(f"The {kind} is larger than {limit / 1e6:g} MB. Send a smaller one.")
