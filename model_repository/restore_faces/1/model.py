"""``restore_faces``: BLS step that cuts faces out, has them restored, and tells how they go back.

Each face goes to the restorer, and what comes back to the parser, as a request of its own: Triton batches them with
the faces of other photos. Between two of them the step looks whether anybody still waits. The faces are put back by
``compose_image``, since the background is enlarged meanwhile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from ensemble.align import FACE_SIZE, Float64, alignment, crop_face, resize_aligned, way_back
from ensemble.detect import center_face
from ensemble.photo import UInt8
from limner.catalog import CatalogEntry
from limner.errors import InvalidOption
from limner.options import Options
from model_repository.bounded import run_bounded
from model_repository.step_model import (
    Array,
    AsyncStepModel,
    Caller,
    Stopwatch,
    json_tensor,
    raise_failure,
    read_options,
    tensor,
)

_WITH_FIDELITY = ("codeformer",)
"""Restorers that take the option ``fidelity``."""


class TritonPythonModel(AsyncStepModel):
    def prepare(self) -> None:
        catalog = self.load_catalog()
        self.restorers = catalog.available("face_restorer")
        self.why_none = catalog.reason("face_restorer")
        self.reasons = {entry.model: entry.reason for entry in catalog.entries if entry.role == "face_restorer"}
        self.parser: CatalogEntry | None = next(iter(catalog.available("parser")), None)
        self.why_no_parser = catalog.reason("parser")
        self.in_flight = int(self.parameters["faces_in_flight"])

    async def answer_async(self, request: Any, caller: Caller) -> dict[str, Array]:
        watch = Stopwatch()
        options, pixels, found = read_options(request), tensor(request, "PIXELS"), tensor(request, "FACES")
        restorer, reason = self._choose(options)
        crops, ways, indices = _cut(options, pixels, found) if restorer is not None else ([], [], [])
        restored = np.empty((len(crops), FACE_SIZE, FACE_SIZE, 3), np.uint8)
        parser = self.parser if ways else None
        classes = np.empty((len(crops) if parser else 0, FACE_SIZE, FACE_SIZE), np.uint8)

        async def restore(number: int) -> None:
            if restorer is not None:
                restored[number] = await _restore(restorer.model, crops[number], options.fidelity)
            if parser is not None:
                classes[number] = await _parse(parser.model, restored[number])

        await run_bounded(restore, range(len(crops)), self.in_flight, caller)
        unparsed = {"name": None, "reason": self._why_not_parsed(options, any_restored=bool(crops))}
        facts = {
            "model": restorer.summary() if restorer else {"name": None, "reason": reason},
            "parser": parser.summary() if parser else unparsed,
            "restored": indices,
            "milliseconds": watch.milliseconds,
        }
        return {
            "RESTORED": restored,
            "CLASSES": classes,
            "WAYS_BACK": np.array(ways, np.float64).reshape(-1, 2, 3),
            "RESTORATION": json_tensor(facts),
        }

    def _choose(self, options: Options) -> tuple[CatalogEntry | None, str | None]:
        """The restorer to use, or None with the reason why."""
        wanted = options.restorer
        if wanted == "none":
            return None, "Switched off by restorer=none."
        if wanted == "auto":
            return next(iter(self.restorers), None), self.why_none
        for entry in self.restorers:
            if entry.model == wanted:
                return entry, None
        why = self.reasons.get(wanted) or self.why_none or "it has not been exported."
        raise InvalidOption(f"restorer={wanted} is not available here: {why} Send restorer=auto or none.")

    def _why_not_parsed(self, options: Options, *, any_restored: bool) -> str | None:
        if not any_restored:
            return "No face was restored."
        return "An aligned face is not put back into a photo." if options.aligned else self.why_no_parser


def _cut(options: Options, pixels: UInt8, found: Array) -> tuple[list[UInt8], list[Float64], list[int]]:
    """Aligned faces, their ways back, and their numbers among those found. An aligned photo is a face itself."""
    if options.aligned:
        return [resize_aligned(pixels)], [], []
    numbers = list(range(len(found)))
    if options.only_center_face and numbers:
        numbers = [center_face(found[:, :4], pixels.shape[1], pixels.shape[0])]
    matrices = {number: alignment(found[number, 5:].reshape(5, 2)) for number in numbers}
    usable = {number: matrix for number, matrix in matrices.items() if matrix is not None}
    crops = [crop_face(pixels, matrix) for matrix in usable.values()]
    return crops, [way_back(matrix, options.scale) for matrix in usable.values()], list(usable)


async def _restore(model: str, face: UInt8, fidelity: float) -> UInt8:
    inputs = [pb_utils.Tensor("FACE", face[None])]
    if model in _WITH_FIDELITY:
        inputs.append(pb_utils.Tensor("FIDELITY", np.full((1, 1), fidelity, np.float32)))
    return await _ask(model, inputs, "RESTORED")


async def _parse(model: str, face: UInt8) -> UInt8:
    return await _ask(model, [pb_utils.Tensor("FACE", face[None])], "CLASSES")


async def _ask(model: str, inputs: list[Any], output: str) -> UInt8:
    query = pb_utils.InferenceRequest(model_name=model, requested_output_names=[output], inputs=inputs)
    reply = await query.async_exec()
    raise_failure(reply, model)
    return np.asarray(pb_utils.get_output_tensor_by_name(reply, output).as_numpy()[0], np.uint8)
