"""What ``perf_analyzer`` sends: photos for the entry model, real tensors for single models, each as an input file."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from export.models import model_spec
from export.precision.samples import evaluation_inputs

ENTRY_MODEL = "face_enhance"
SIZES = ((248, 320), (512, 512))
"""Width and height of the astronaut's photos: a small portrait with one face, and the whole picture."""

_SMALL_CROP = (slice(0, 400), slice(70, 380))
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class Case:
    """One kind of call.

    Attributes:
        model: which Triton model is called.
        photo: what it is sent, in words.
        tensors: one array for each input, with a batch axis of 1 where ``batched``.
        batched: whether the model takes batches.
        parameters: options of the enhancement; the models' defaults where there are none.
    """

    model: str
    photo: str
    tensors: Mapping[str, NDArray[Any]]
    batched: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the input file; its shapes are without the batch axis, as ``perf_analyzer`` wants them."""
        step = {
            name: {
                "content": {"b64": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()},
                "shape": list(array.shape[1:] if self.batched else array.shape),
            }
            for name, array in self.tensors.items()
        }
        path.write_text(json.dumps({"data": [step]}), "utf-8")


def photo_case(encoded: bytes, photo: str, parameters: Mapping[str, str]) -> Case:
    """An encoded photo to the entry model."""
    return Case(ENTRY_MODEL, photo, {"IMAGE": np.frombuffer(encoded, np.uint8)}, parameters=parameters)


def astronaut_cases(parameters: Mapping[str, str]) -> list[Case]:
    """The astronaut as JPEGs of both sizes."""
    return [photo_case(astronaut(size), "astronaut {}x{}".format(*size), parameters) for size in SIZES]


def astronaut(size: tuple[int, int]) -> bytes:
    """NASA's public-domain portrait as a JPEG of this width and height."""
    picture = np.asarray(data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]
    if size == SIZES[0]:
        picture = picture[_SMALL_CROP]
    if picture.shape[1::-1] != size:
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    return encoded.tobytes()


def model_case(name: str) -> Case:
    """One call of a single network with what it is given in service: a tile, an aligned face, a frame."""
    spec = model_spec(name)
    tensors = {tensor.name: array for tensor, array in zip(spec.inputs, evaluation_inputs(spec)[0], strict=True)}
    first = spec.inputs[0]
    batched = first.shape[0] == "N"
    height, width = tensors[first.name].shape[1:3] if batched else tensors[first.name].shape[:2]
    return Case(spec.name, f"{first.name.lower()} {width}x{height}", tensors, batched)
