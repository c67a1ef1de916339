"""What the Python models of this repository share: requests in, responses out, errors coded.

A model subclasses :class:`StepModel` and writes ``answer``, or :class:`AsyncStepModel` and ``answer_async`` where it
waits for other models. Each request of a call is answered alone, so that a bad one never spoils its neighbours, and
once it is answered its tensors are overwritten. The pixels are the business of ``ensemble/``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
import traceback
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import triton_python_backend_utils as pb_utils

from limner.cancellation import PARAMETER, is_raised, token_of
from limner.catalog import CATALOG_FILE, Catalog
from limner.errors import Cancelled, CapacityError, InferenceFailed, InputError, LimnerError, QueueFull
from limner.options import Options, parse_options
from limner.triton_messages import from_triton
from limner.undumpable import forbid_dumps, scrub_freed_memory
from limner.wiping import wipe, wipe_shared

Array = npt.NDArray[Any]

_THREADS = 256
"""Each call of another model (BLS) holds a thread until it is answered; asyncio's own few would let photos wait."""

_GONE = "The request was cancelled by its sender."

logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s %(message)s")


class _Model:
    """What both kinds of models have: their configuration, a log, and a way to say that a request failed."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the model's configuration; Triton calls this once per instance."""
        forbid_dumps()
        scrub_freed_memory()
        config = json.loads(args["model_config"])
        self.parameters = {key: value["string_value"] for key, value in config.get("parameters", {}).items()}
        self.repository = Path(args["model_repository"]).parent
        self.logger = logging.getLogger(args["model_name"])
        self.prepare()

    def prepare(self) -> None:
        """Set up what lasts as long as the model does."""

    def load_catalog(self) -> Catalog:
        return Catalog.load(self.repository / CATALOG_FILE)

    def failure(self, error: Exception) -> Any:
        """A response that carries the error."""
        told = self.told(error)
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(told.to_wire(), _triton_code(told)))

    def told(self, error: Exception) -> LimnerError:
        """What the caller hears of an error; what is not the caller's to know goes to the log."""
        if isinstance(error, InferenceFailed) and error.__cause__ is not None:
            self.logger.error("%s Triton said: %s", error.message, error.__cause__)
        if isinstance(error, LimnerError):
            return error
        # The place, but not the message: that may quote what is in a photo.
        place = "".join(traceback.format_tb(error.__traceback__))
        self.logger.error("request failed with %s at\n%s", type(error).__name__, place)
        return InferenceFailed("The photo could not be processed. The server's log says where.")

    def send(self, request: Any, answer: Any) -> None:
        """Answer a request, and overwrite its tensors and the answer's, which Triton has copied when this returns."""
        sender = request.get_response_sender()
        sender.send(answer, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
        wipe(request.inputs())
        wipe_shared(answer.output_tensors())


class StepModel(_Model, ABC):
    """Base of the models that do their work by themselves, one request after the other."""

    @abstractmethod
    def answer(self, request: Any) -> dict[str, Array]:
        """The outputs by name. Raises a :class:`LimnerError` for anything the caller should hear of."""

    def execute(self, requests: list[Any]) -> None:
        """Answer each request alone."""
        for request in requests:
            self.send(request, self._respond(request))

    def _respond(self, request: Any) -> Any:
        try:
            Caller(request, request).refuse_if_gone()
            return response(self.answer(request))
        except Exception as error:
            return self.failure(error)


class AsyncStepModel(_Model, ABC):
    """Base of the models that wait for others (BLS): one instance works on many requests at once.

    ``execute`` returns at once; every request is answered by a task of its own through its response sender. So Triton's
    own queue never fills.
    """

    most: ClassVar[int | None] = None
    """Requests at work at once; a further one is refused. None leaves the bound to whoever asks this model."""

    def initialize(self, args: dict[str, str]) -> None:
        self._tasks: set[asyncio.Task[None]] = set()  # the event loop itself holds tasks weakly
        self._threads = ThreadPoolExecutor(_THREADS)
        super().initialize(args)

    async def execute(self, requests: list[Any]) -> None:
        asyncio.get_running_loop().set_default_executor(self._threads)
        for request in requests:
            if self.most is not None and len(self._tasks) >= self.most:
                refusal = self.failure(QueueFull(f"{self.most} photos are at work. Send this one again in a while."))
                self.send(request, refusal)
                continue
            task = asyncio.get_running_loop().create_task(self._serve(request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @abstractmethod
    async def answer_async(self, request: Any, caller: Caller) -> dict[str, Array]:
        """The outputs by name. Raises a :class:`LimnerError` for anything the caller should hear of.

        Long work asks ``caller`` now and then whether anybody still waits.
        """

    async def _serve(self, request: Any) -> None:
        caller = Caller(request, request.get_response_sender())
        try:
            self.check(request, caller)
            answer = response(await self.answer_async(request, caller))
        except Exception as error:
            answer = self.failed(request, error)
        self.send(request, answer)

    def check(self, request: Any, caller: Caller) -> None:
        """Raises a :class:`LimnerError` where there is no point in beginning."""
        del request
        caller.refuse_if_gone()

    def failed(self, request: Any, error: Exception) -> Any:
        """The response to a request that failed."""
        del request
        return self.failure(error)


def _triton_code(error: LimnerError) -> Any:
    if isinstance(error, InputError):
        return pb_utils.TritonError.INVALID_ARG
    if isinstance(error, Cancelled):
        return pb_utils.TritonError.CANCELLED
    if isinstance(error, CapacityError):
        return pb_utils.TritonError.UNAVAILABLE
    return pb_utils.TritonError.INTERNAL


def response(outputs: dict[str, Array]) -> Any:
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, array) for name, array in outputs.items()])


class Caller:
    """Whoever waits for an answer.

    ``source`` is what Triton tells of a cancellation: the request, or its response sender once ``execute`` is over.
    """

    def __init__(self, request: Any, source: Any) -> None:
        self._source = source
        self._token = token_of(request)

    def is_gone(self) -> bool:
        return bool(self._source.is_cancelled()) or is_raised(self._token)

    def refuse_if_gone(self) -> None:
        """Raise :class:`Cancelled` where nobody waits any more."""
        if self.is_gone():
            raise Cancelled(_GONE)

    def refuse_if_flagged(self) -> None:
        """The same by the flag alone: for threads, which do not ask Triton."""
        if is_raised(self._token):
            raise Cancelled(_GONE)


def tensor(request: Any, name: str) -> Array:
    """An input as an array, to be read only. It is overwritten once the request is answered."""
    return np.asarray(pb_utils.get_input_tensor_by_name(request, name).as_numpy())


def read_json(request: Any, name: str) -> Any:
    return json.loads(tensor(request, name).flat[0])


def json_tensor(value: object) -> Array:
    """BYTES [1]."""
    return np.array([json.dumps(value).encode()], dtype=object)


def read_options(request: Any) -> Options:
    """The options among the request's parameters.

    Names that start with ``triton_`` are Triton's own. Any other that is no option is refused.
    """
    parameters = json.loads(request.parameters() or "{}")
    return parse_options(
        {name: value for name, value in parameters.items() if not name.startswith("triton_") and name != PARAMETER}
    )


def raise_failure(reply: Any, model: str) -> None:
    """Raise what a BLS reply carries; unchecked, a failure would pass silently."""
    if not reply.has_error():
        return
    message = reply.error().message()
    known = from_triton(message)
    if known is not None:
        raise known
    raise InferenceFailed(f"The model {model} failed. The server's log says why.") from RuntimeError(message)


class Stopwatch:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def milliseconds(self) -> float:
        return (time.monotonic() - self._start) * 1000
