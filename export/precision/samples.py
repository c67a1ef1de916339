"""Real photos to calibrate on and to judge by, degraded as users' photos are. The two sets share no picture.

They come with scikit-image and scikit-learn: nine colour photographs, one sharp portrait, and 100 small faces of
different people (a part of Labeled Faces in the Wild).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np
import skimage
from numpy.typing import NDArray
from skimage import data
from sklearn.datasets import load_sample_images

from export.models import FACE_SIZE, ModelSpec
from export.precision.degrade import Damage, UInt8, damaged, draw_damage

Inputs = tuple[NDArray[np.uint8] | NDArray[np.float32], ...]
"""One array for each declared input, with a batch axis of 1 where there is one."""

TILE = 128
"""Side of the tiles to judge by, in pixels."""

CALIBRATION_TILE = 64
"""Side of those to calibrate on: four times faster, and a quarter of the memory, than with 128."""

_CALIBRATION_SEED = 11
_EVALUATION_SEED = 12
_TILES = 24
_FACES = 12
_DETECTOR_SIZE = (480, 640)
_SFACE_SIZE = 112

_FACES_FOR_CALIBRATION = 80
"""Of the 100 small faces, the first so many; the others are for judging."""

_EYES = np.array([[204.8, 100.8], [247.4, 103.4]], np.float32)
"""The portrait's eyes in ``skimage.data.astronaut()``, as RetinaFace finds them."""

_SMALL_EYES = np.array([[7.4, 9.5], [17.2, 9.5]], np.float32)
"""Where the eyes are in the 25×25 faces, on average."""

_TEMPLATE_EYES = np.array([[193.0, 240.0], [318.9, 240.2]], np.float32)
"""Where they are in an aligned face of 512×512 pixels (facexlib's template)."""

_PORTRAIT_DAMAGES = (
    Damage(),
    Damage(blur=2.0, shrink=4.0, quality=80),
    Damage(shrink=8.0, noise=4.0, quality=70),
    Damage(blur=1.0, shrink=2.0, noise=12.0, quality=50),
)
"""From the portrait as it is to one that is hardly to be recognised."""

_FIDELITIES = (0.5, 0.0, 1.0, 0.7)


def calibration_inputs(spec: ModelSpec) -> Iterator[Inputs]:
    """What to calibrate a model on, one input after the other; the same each time."""
    return _with_fidelity(spec, _pictures(spec, np.random.default_rng(_CALIBRATION_SEED), judged=False))


def evaluation_inputs(spec: ModelSpec) -> tuple[Inputs, ...]:
    """What to judge a model by; the same each time."""
    return tuple(_with_fidelity(spec, _pictures(spec, np.random.default_rng(_EVALUATION_SEED), judged=True)))


def _with_fidelity(spec: ModelSpec, pictures: Iterator[UInt8]) -> Iterator[Inputs]:
    """Add the second input of a model that has one, FP32 [1, 1] in [0, 1]."""
    batched = len(spec.inputs[0].shape) == 4
    for picture, fidelity in zip(pictures, cycle(_FIDELITIES), strict=False):
        shaped = picture[None] if batched else picture
        further = (np.full((1, 1), fidelity, np.float32) for _ in spec.inputs[1:])
        yield (shaped, *further)


def _pictures(spec: ModelSpec, random: np.random.Generator, *, judged: bool) -> Iterator[UInt8]:
    if spec.role == "background":
        return _tiles(random, judged=judged)
    if spec.role == "detector":
        return _photos(random, judged=judged)
    size = FACE_SIZE if spec.inputs[0].shape[1] == FACE_SIZE else _SFACE_SIZE
    faces = _judged_faces(random) if judged else _calibration_faces(random)
    return (face if size == FACE_SIZE else cv2.resize(face, (size, size)).astype(np.uint8) for face in faces)


@lru_cache(maxsize=1)
def _photographs() -> tuple[UInt8, ...]:
    """Colour photographs for calibration: things, an animal, buildings, machines, tissue."""
    china, _ = load_sample_images().images
    motorcycle = cv2.imread(str(Path(skimage.__file__).parent / "data" / "motorcycle_left.png"))[..., ::-1]
    named = (data.coffee(), data.chelsea(), data.rocket(), data.retina()[::2, ::2], data.immunohistochemistry())  # type: ignore[no-untyped-call]
    return tuple(np.ascontiguousarray(photo, np.uint8) for photo in (*named, motorcycle, china))


@lru_cache(maxsize=1)
def _judged_photographs() -> tuple[UInt8, ...]:
    """Photographs that nothing is calibrated on: the portrait and a flower."""
    _, flower = load_sample_images().images
    return np.asarray(data.astronaut(), np.uint8), np.asarray(flower, np.uint8)  # type: ignore[no-untyped-call]


@lru_cache(maxsize=1)
def _small_faces() -> NDArray[np.float32]:
    """FP32 [100, 25, 25] in [0, 255], gray: faces of different people."""
    faces = np.load(Path(skimage.__file__).parent / "data" / "lfw_subset.npy")[:100]
    return np.asarray(faces * 255.0, np.float32)


def _tiles(random: np.random.Generator, *, judged: bool) -> Iterator[UInt8]:
    photos = cycle(_judged_photographs() if judged else _photographs())
    side, count = (TILE, _TILES // 3) if judged else (CALIBRATION_TILE, _TILES)
    for photo in islice(photos, count):
        small = damaged(photo, draw_damage(random, max_shrink=2.0), random)
        height, width = small.shape[:2]
        y, x = int(random.integers(height - side + 1)), int(random.integers(width - side + 1))
        yield np.ascontiguousarray(small[y : y + side, x : x + side])


def _photos(random: np.random.Generator, *, judged: bool) -> Iterator[UInt8]:
    height, width = _DETECTOR_SIZE
    for photo in _judged_photographs() if judged else _photographs():
        resized = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        yield resized
        harmed = damaged(resized, draw_damage(random, max_shrink=3.0), random)
        yield cv2.resize(harmed, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def _calibration_faces(random: np.random.Generator) -> Iterator[UInt8]:
    """Small faces of different people, coloured and degraded, and every sixth time a detail of a photograph."""
    faces = _small_faces()[random.permutation(_FACES_FOR_CALIBRATION)]
    details = cycle(_photographs())
    for number, face in enumerate(islice(faces, _FACES)):
        picture = _detail(next(details), random) if number % 6 == 5 else _enlarged(face, random)
        yield _harmed(picture, draw_damage(random, max_shrink=8.0), random)


def _judged_faces(random: np.random.Generator) -> Iterator[UInt8]:
    """The portrait in several states, and people whom nothing was calibrated on."""
    portrait = _aligned(_judged_photographs()[0].astype(np.float32), _EYES)
    for damage in _PORTRAIT_DAMAGES:
        yield _harmed(portrait, damage, random)
    for face in _small_faces()[_FACES_FOR_CALIBRATION::7]:
        yield _harmed(_enlarged(face, random), draw_damage(random, max_shrink=4.0), random)


def _enlarged(face: NDArray[np.float32], random: np.random.Generator) -> UInt8:
    """A small gray face as an aligned one of 512×512 pixels, in a colour that skin may have under some light."""
    green = random.uniform(0.7, 1.0)
    tint = np.array([1.0, green, green * random.uniform(0.75, 1.05)], np.float32)
    coloured = np.repeat(face[..., None], 3, axis=2) * tint
    return _aligned(coloured, _SMALL_EYES + random.normal(0.0, 0.3, (2, 2)).astype(np.float32))


def _aligned(picture: NDArray[np.float32], eyes: NDArray[np.float32]) -> UInt8:
    """Turn, scale and move ``picture`` so that its eyes lie where the template has them."""
    matrix = cv2.estimateAffinePartial2D(eyes, _TEMPLATE_EYES)[0]
    size = (FACE_SIZE, FACE_SIZE)
    warped = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped.round().clip(0, 255), np.uint8)


def _detail(photo: UInt8, random: np.random.Generator) -> UInt8:
    side = min(*photo.shape[:2], 300)
    y, x = (int(random.integers(length - side + 1)) for length in photo.shape[:2])
    return cv2.resize(photo[y : y + side, x : x + side], (FACE_SIZE, FACE_SIZE)).astype(np.uint8)


def _harmed(face: UInt8, damage: Damage, random: np.random.Generator) -> UInt8:
    """Degrade and enlarge again, as alignment does with a small face."""
    size = (FACE_SIZE, FACE_SIZE)
    return cv2.resize(damaged(face, damage, random), size, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
