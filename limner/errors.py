"""The one exception tree.

    LimnerError
    ├── InputError                  the caller can mend it
    │   ├── EmptyImage              400  empty-image
    │   ├── InvalidOption           400  invalid-option
    │   ├── InvalidForm             400  invalid-form
    │   ├── FileTooLarge            413  file-too-large
    │   ├── TooManyPixels           413  too-many-pixels
    │   ├── UnsupportedFormat       415  unsupported-format
    │   ├── DamagedImage            422  damaged-image
    │   ├── OutputTooLarge          422  output-too-large
    │   ├── DamagedArchive          422  damaged-archive
    │   ├── EncryptedArchive        422  encrypted-archive
    │   ├── UnsafeArchive           422  unsafe-archive
    │   ├── NoPhotos                422  no-photos
    │   └── ArchiveTooLarge         413  archive-too-large
    ├── UploadTimeout               408  upload-timeout
    ├── Unauthorized                401  unauthorized
    ├── Forbidden                   403  forbidden
    ├── NotFound                    404  not-found
    ├── MethodNotAllowed            405  method-not-allowed
    ├── NotCompleted                409  not-completed
    ├── Gone                        410  gone
    ├── QuotaExceeded               429  quota-exceeded
    ├── Cancelled                   499  cancelled
    ├── CapacityError
    │   ├── QueueFull               503  temporary-reduced-capacity
    │   ├── StateUnavailable        503  state-unavailable
    │   ├── ShuttingDown            503  shutting-down
    │   ├── InferenceUnavailable    503  inference-unavailable
    │   ├── ServerUnreachable       503  server-unreachable
    │   └── InferenceTimeout        504  inference-timeout
    ├── InferenceFailed             500  inference-failed
    ├── SettingsError               a variable is wrong; found at start
    ├── WeightsError                a weight file is missing, wrong or unsafe
    │   ├── DownloadFailed
    │   ├── ChecksumMismatch
    │   └── CheckpointMismatch
    ├── ExportError                 an export could not be made or did not match its source
    ├── PageBuildError              the page could not be built
    └── ServingError                Triton could not be found, started or trusted

Each error carries a public message: one or two sentences that name the cause and say what to do. It never holds
bytes of a photo, a path inside the server or a stack trace. ``status`` and ``type`` are stable, and travel from a
Triton model to the gateway as the prefix ``[type]`` of the Triton error's message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar


class LimnerError(Exception):
    """Root of the tree. ``message`` is safe to show to anyone."""

    type: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"
    status: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def to_wire(self) -> str:
        """``[type] message``, the form in which an error crosses Triton."""
        return f"[{self.type}] {self.message}"


class InputError(LimnerError):
    """What was sent cannot be used; the message says what would be."""

    type, title, status = "invalid-input", "Invalid input", 400


class EmptyImage(InputError):
    type, title, status = "empty-image", "Empty image", 400


class InvalidOption(InputError):
    type, title, status = "invalid-option", "Invalid option", 400


class InvalidForm(InputError):
    type, title, status = "invalid-form", "Invalid form", 400


class FileTooLarge(InputError):
    type, title, status = "file-too-large", "File too large", 413


class TooManyPixels(InputError):
    type, title, status = "too-many-pixels", "Too many pixels", 413


class UnsupportedFormat(InputError):
    type, title, status = "unsupported-format", "Unsupported format", 415


class DamagedImage(InputError):
    type, title, status = "damaged-image", "Damaged image", 422


class OutputTooLarge(InputError):
    type, title, status = "output-too-large", "Output too large", 422


class DamagedArchive(InputError):
    type, title, status = "damaged-archive", "Damaged archive", 422


class EncryptedArchive(InputError):
    type, title, status = "encrypted-archive", "Encrypted archive", 422


class UnsafeArchive(InputError):
    """It is made to harm: overlapping entries, more than it says, paths that lead out of it."""

    type, title, status = "unsafe-archive", "Unsafe archive", 422


class NoPhotos(InputError):
    """An archive in which nothing looks like a photo."""

    type, title, status = "no-photos", "No photos", 422


class ArchiveTooLarge(InputError):
    """It unpacks to more bytes, or has more entries, than are taken."""

    type, title, status = "archive-too-large", "Archive too large", 413


class UploadTimeout(LimnerError):
    type, title, status = "upload-timeout", "Upload timed out", 408


class Unauthorized(LimnerError):
    type, title, status = "unauthorized", "Unauthorized", 401


class Forbidden(LimnerError):
    type, title, status = "forbidden", "Forbidden", 403


class NotFound(LimnerError):
    type, title, status = "not-found", "Not found", 404


class MethodNotAllowed(LimnerError):
    type, title, status = "method-not-allowed", "Method not allowed", 405


class NotCompleted(LimnerError):
    """The result was asked for before there is one, or after the task failed."""

    type, title, status = "not-completed", "Not completed", 409

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds until it may be there; None where it never will be."""


class Gone(LimnerError):
    """The result was delivered, deleted or expired."""

    type, title, status = "gone", "Gone", 410


class QuotaExceeded(LimnerError):
    type, title, status = "quota-exceeded", "Quota exceeded", 429

    def __init__(self, message: str, retry_after: int = 60) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds until the same request would be taken."""


class Cancelled(LimnerError):
    type, title, status = "cancelled", "Cancelled", 499


class CapacityError(LimnerError):
    """Nothing is wrong with the request; the same one may succeed later."""

    type, title, status = "unavailable", "Unavailable", 503


class QueueFull(CapacityError):
    type, title, status = "temporary-reduced-capacity", "Temporary reduced capacity", 503


class StateUnavailable(CapacityError):
    """What is known of tasks cannot be reached (Redis is away or full)."""

    type, title, status = "state-unavailable", "State unavailable", 503


class ShuttingDown(CapacityError):
    type, title, status = "shutting-down", "Shutting down", 503


class InferenceUnavailable(CapacityError):
    type, title, status = "inference-unavailable", "Inference unavailable", 503


class ServerUnreachable(CapacityError):
    """The gateway does not answer, or the connection to it broke: for :mod:`limner.client`, and nginx in front."""

    type, title, status = "server-unreachable", "Server unreachable", 503


class InferenceTimeout(CapacityError):
    type, title, status = "inference-timeout", "Inference timed out", 504


class InferenceFailed(LimnerError):
    type, title, status = "inference-failed", "Inference failed", 500


class SettingsError(LimnerError):
    type, title = "invalid-settings", "Invalid settings"


class WeightsError(LimnerError):
    type, title = "weights-unavailable", "Weights unavailable"


class DownloadFailed(WeightsError):
    type, title = "download-failed", "Download failed"


class ChecksumMismatch(WeightsError):
    type, title = "checksum-mismatch", "Checksum mismatch"


class CheckpointMismatch(WeightsError):
    type, title = "checkpoint-mismatch", "Checkpoint mismatch"


class ExportError(LimnerError):
    type, title = "export-failed", "Export failed"


class PageBuildError(LimnerError):
    type, title = "page-not-built", "Page not built"


class ServingError(LimnerError):
    type, title = "serving-failed", "Serving failed"


def _tree(root: type[LimnerError]) -> Iterator[type[LimnerError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


BY_TYPE: dict[str, type[LimnerError]] = {cls.type: cls for cls in _tree(LimnerError)}

_WIRE = re.compile(r"\[([a-z][a-z-]*)\] ")


def from_wire(text: str) -> LimnerError | None:
    """The error that a Triton message carries, or None where it carries none of ours.

    Triton puts its own words in front ("in ensemble 'face_enhance', …"), so the prefix may stand anywhere.
    """
    for match in _WIRE.finditer(text):
        cls = BY_TYPE.get(match.group(1))
        if cls is not None:
            return cls(text[match.end() :].strip())
    return None
