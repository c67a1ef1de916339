"""``restore_faces``: BLS step that cuts faces out, has them restored, and tells how they go back.

Each face goes to the restorer, and what comes back to the parser, as a request of its own: Triton batches them with
the faces of other photos. Between two of them the step looks whether anybody still waits. The faces are put back by
``compose_image``, since the background is enlarged meanwhile.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ensemble.align import FACE_SIZE, TEMPLATE, Float64, alignment, crop_face, resize_aligned, way_back
from ensemble.colour import colour_shift, drain_colour
from ensemble.detect import MAX_FACES, numbers_to_restore
from ensemble.identity import SHARES, Verdict, blend, embedding_input, judge, likeness
from ensemble.mask import pack_face
from ensemble.photo import UInt8
from limner.catalog import CatalogEntry
from limner.options import Options
from model_repository.bounded import run_bounded
from model_repository.branches import BranchModel
from model_repository.calls import ask
from model_repository.choices import Choices
from model_repository.step_model import (
    Array,
    Caller,
    Stopwatch,
    json_tensor,
    read_json,
    read_options,
    tensor,
)

_WITH_FIDELITY = ("codeformer",)
"""Restorers that take the option ``fidelity``."""


@dataclass(frozen=True)
class _Place:
    """Where a face is: ``matrix`` takes the photo to the aligned face, None where the photo is that face itself."""

    matrix: Float64 | None
    landmarks: Float64

    def crop(self, pixels: UInt8) -> UInt8:
        return resize_aligned(pixels) if self.matrix is None else crop_face(pixels, self.matrix)


@dataclass(frozen=True)
class _Restored:
    """A face that came back; ``verdict`` is None where nothing tells who it is."""

    face: UInt8
    crop: UInt8 | None
    bits: UInt8 | None
    verdict: Verdict | None
    colour_shift: float

    @property
    def is_left_out(self) -> bool:
        return self.verdict is not None and self.verdict.share == 1


class TritonPythonModel(BranchModel):
    facts = "RESTORATION"
    nothing = MappingProxyType(
        {
            "RESTORED": np.zeros((0, FACE_SIZE, FACE_SIZE, 3), np.uint8),
            "FACE_PIXELS": np.zeros((0, FACE_SIZE, FACE_SIZE // 8), np.uint8),
            "WAYS_BACK": np.zeros((0, 2, 3), np.float64),
            "CROPPED": np.zeros((0, FACE_SIZE, FACE_SIZE, 3), np.uint8),
        }
    )

    def prepare(self) -> None:
        catalog = self.load_catalog()
        self.choices = Choices(catalog)
        self.parser: CatalogEntry | None = next(iter(catalog.available("parser")), None)
        self.identity: CatalogEntry | None = next(iter(catalog.available("identity")), None)
        self.why_none = {role: catalog.reason(role) for role in ("parser", "identity")}
        if self.identity is not None and self.identity.seeded:
            self.identity = None
            self.why_none["identity"] = "SFace has random weights here, which tell nobody apart."
        self.in_flight = int(self.parameters["faces_in_flight"])
        self.threshold = float(self.parameters["identity_threshold"])

    async def answer_async(self, request: Any, caller: Caller) -> dict[str, Array]:
        watch, options = Stopwatch(), read_options(request)
        pixels, found = tensor(request, "PIXELS"), tensor(request, "FACES")
        choice = self.choices.restorer(options)
        restorer = choice.entry
        places = _places(options, pixels, found) if restorer is not None else {}
        keep_crops = "CROPPED" in request.requested_output_names()
        faces: dict[int, _Restored] = {}
        info = read_json(request, "PHOTO")["info"]
        drained = info["gray"] or info["colourless"]

        async def restore(number: int) -> None:
            if restorer is not None:
                faces[number] = await self._restore(
                    caller, restorer.model, places[number], pixels, options, keep_crop=keep_crops, drained=drained
                )

        await run_bounded(restore, places, self.in_flight, caller)
        kept = [number for number in sorted(faces) if not faces[number].is_left_out]
        facts = {
            "model": restorer.summary() if restorer else {"name": None, "reason": choice.reason},
            **self._helpers(options, any_restored=bool(faces)),
            "restored": kept,
            "too_many": max(0, len(found) - MAX_FACES) if faces and not options.only_center_face else 0,
            "faces": {number: _facts(face) for number, face in faces.items()},
            "ends_in_square": restorer is not None and restorer.model in _WITH_FIDELITY,
            "milliseconds": watch.milliseconds,
        }
        ways = [way_back(matrix, options.scale) for each in kept if (matrix := places[each].matrix) is not None]
        return {
            "RESTORED": _stacked([faces[number].face for number in kept], (FACE_SIZE, FACE_SIZE, 3)),
            "FACE_PIXELS": _stacked([faces[number].bits for number in kept], (FACE_SIZE, FACE_SIZE // 8)),
            "WAYS_BACK": np.array(ways, np.float64).reshape(-1, 2, 3),
            "RESTORATION": json_tensor(facts),
            **(
                {"CROPPED": _stacked([faces[each].crop for each in kept], (FACE_SIZE, FACE_SIZE, 3))}
                if keep_crops
                else {}
            ),
        }

    def _helpers(self, options: Options, *, any_restored: bool) -> dict[str, object]:
        """What a report says of the networks beside the restorer."""
        unused = None if any_restored else "No face was restored."
        why_not = {
            "parser": "An aligned face is not put back into a photo." if options.aligned else self.why_none["parser"],
            "identity": self.why_none["identity"],
        }
        entries = {"parser": None if options.aligned else self.parser, "identity": self.identity}
        return {
            role: entry.summary() if entry and not unused else {"name": None, "reason": unused or why_not[role]}
            for role, entry in entries.items()
        }

    async def _restore(
        self,
        caller: Caller,
        model: str,
        place: _Place,
        pixels: UInt8,
        options: Options,
        *,
        keep_crop: bool,
        drained: bool,
    ) -> _Restored:
        """``drained``: the photo has no colour, and ``compose_image`` takes from the result what the networks tint."""
        crop = await asyncio.to_thread(place.crop, pixels)
        inputs: dict[str, Array] = {"FACE": crop[None]}
        if model in _WITH_FIDELITY:
            inputs["FIDELITY"] = np.full((1, 1), options.fidelity, np.float32)
        face = np.array((await ask(model, inputs, "RESTORED"))[0], np.uint8)
        caller.refuse_if_gone()  # of a few faces all are begun at once; what is left to do of each is not
        bits = None
        if self.parser is not None and place.matrix is not None:
            bits = pack_face((await ask(self.parser.model, {"FACE": face[None]}, "CLASSES"))[0])
        caller.refuse_if_gone()
        verdict = None
        if self.identity is not None:
            face, verdict = await self._held_back(self.identity.model, face, crop, place.landmarks, options)
        pasted = face.copy() if drained else face
        if drained:
            drain_colour(pasted)
        return _Restored(face, crop if keep_crop else None, bits, verdict, colour_shift(crop, pasted))

    async def _held_back(
        self, model: str, face: UInt8, crop: UInt8, landmarks: Float64, options: Options
    ) -> tuple[UInt8, Verdict]:
        """The face to paste: the restored one, or the first of its blends with the photo's that is the same person."""

        async def embed(*faces: UInt8) -> Array:
            return await ask(
                model, {"FACE": np.stack([embedding_input(each, landmarks) for each in faces])}, "EMBEDDING"
            )

        original, restored = await embed(crop, face)
        (alike,) = likeness(restored[None], original)
        if alike >= self.threshold or not options.preserve_identity:
            return face, Verdict(float(alike), 0.0)
        blends = {share: blend(face, crop, share) for share in SHARES}
        verdict = judge(np.array([alike, *likeness(await embed(*blends.values()), original)]), self.threshold)
        return blends.get(verdict.share, face), verdict


def _places(options: Options, pixels: UInt8, found: Array) -> dict[int, _Place]:
    """Faces to restore by their numbers among those found. An aligned photo is a face itself."""
    if options.aligned:
        return {0: _Place(None, TEMPLATE)}
    height, width = pixels.shape[:2]
    numbers = numbers_to_restore(found, width, height, only_center_face=options.only_center_face)
    places = {}
    for number in numbers:
        landmarks = found[number, 5:].reshape(5, 2)
        if (matrix := alignment(landmarks)) is not None:
            places[number] = _Place(matrix, landmarks @ matrix[:, :2].T + matrix[:, 2])
    return places


def _facts(face: _Restored) -> dict[str, object]:
    return {
        "identity": face.verdict.to_json() if face.verdict else None,
        "colour_shift": None if face.is_left_out else round(face.colour_shift, 2),
    }


def _stacked(arrays: list[UInt8 | None], shape: tuple[int, ...]) -> UInt8:
    """[N, *shape] of those that are there."""
    there = [array for array in arrays if array is not None]
    return np.stack(there) if there else np.zeros((0, *shape), np.uint8)
