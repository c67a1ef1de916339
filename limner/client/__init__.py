"""The client of the HTTP API: :class:`Limner`, and :class:`AsyncLimner` for programs that run an event loop.

What a call does (what it sends, when it waits and tries again, what an answer means) is written once, in generators
that do no input or output themselves (:mod:`limner.client.flows`). Both classes only carry out their steps.

Errors are those of :mod:`limner.errors`, as the server names them; :class:`limner.errors.ServerUnreachable` where
there is no answer. A file that cannot be read or written is an OSError.
"""

from limner.client.answers import BatchStatus, EnhancedPhoto, PhotoStatus, Report, Status
from limner.client.asynchronous import AsyncBatch, AsyncLimner, AsyncTask
from limner.client.events import Event
from limner.client.synchronous import Batch, Limner, Task
from limner.client.uploads import Upload

__all__ = [
    "AsyncBatch",
    "AsyncLimner",
    "AsyncTask",
    "Batch",
    "BatchStatus",
    "EnhancedPhoto",
    "Event",
    "Limner",
    "PhotoStatus",
    "Report",
    "Status",
    "Task",
    "Upload",
]
