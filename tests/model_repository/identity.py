"""Networks that change nothing, or one known thing, in place of trained ones: what is left to see is the pipeline."""

from __future__ import annotations

import math
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import openvino
from openvino import opset13

from limner.catalog import CATALOG_FILE, Catalog, CatalogEntry, Role

SKIN = 1
"""The parser's class that :func:`all_skin` gives to every pixel."""

RADIANS_A_LEVEL = 4 * math.pi / 255
"""How far :func:`likeness_of_brightness` turns an embedding for each level of brightness."""

BRIGHTER = {55.0: 100.0, 95.0: 40.0}
"""What ``gfpgan`` of :func:`stand_ins` adds to faces below these means: so much that it is another person even
where most of the photo's own face is blended in, and so much that it is not where half of it is."""

PAINT = {"realesrgan_x2": (255, 0, 255), "realesrgan_x4": (0, 255, 0), "realesr_general_x4v3": (0, 0, 255)}
"""What they paint every tile with; ``swinir_m_x4`` turns it into its negative."""

UNAVAILABLE = {
    "codeformer": "Its licence has not been accepted.",
    "swinir_m_x4": "Its weights could not be downloaded.",
}
"""Why the server with little does not have them."""

_ROLES: dict[str, Role] = {
    "gfpgan": "face_restorer",
    "restoreformer": "face_restorer",
    "codeformer": "face_restorer",
    "parsenet": "parser",
    "sface": "identity",
    "realesrgan_x2": "background",
    "realesrgan_x4": "background",
    "realesr_general_x4v3": "background",
    "swinir_m_x4": "background",
}


def restorer(factors: tuple[float, float, float] = (1, 1, 1)) -> openvino.Model:
    """``FACE`` to ``RESTORED``, both uint8 [N, 512, 512, 3], red, green and blue multiplied by ``factors`` of 0..1."""
    face = _face(512)
    coloured = opset13.multiply(_floats(face), np.array(factors, np.float32))
    return _model(face, opset13.convert(opset13.round(coloured, "half_to_even"), "u8"), "RESTORED")


def brightener(steps: Mapping[float, float]) -> openvino.Model:
    """``FACE`` to ``RESTORED``, brighter by as many levels as the first limit above the face's own mean says.

    Args:
        steps: levels by limit; a face brighter than all of them comes back as it was.
    """
    face = _face(512)
    floats = _floats(face)
    mean = opset13.reduce_mean(floats, np.array([1, 2, 3]), keep_dims=True)
    levels: openvino.Node = opset13.constant(np.float32(0))
    for limit, added in sorted(steps.items(), reverse=True):
        levels = opset13.select(opset13.less(mean, np.float32(limit)), np.float32(added), levels)
    brighter = opset13.clamp(opset13.add(floats, levels), 0, 255)
    return _model(face, opset13.convert(brighter, "u8"), "RESTORED")


def failing() -> openvino.Model:
    """``FACE`` to ``RESTORED``, were it not that every inference fails.

    It asks for rows of 2n + 7 values, n being the brightest, which never go into 512 x 512 x 3; no compiler sees that.
    """
    face = _face(512)
    brightest = opset13.convert(opset13.reduce_max(_floats(face), np.array([0, 1, 2, 3])), "i64")
    row = opset13.add(opset13.multiply(brightest, np.int64(2)), np.int64(7))
    rows = opset13.concat([np.array([-1], np.int64), opset13.reshape(row, np.array([1]), special_zero=False)], 0)
    odd = opset13.reduce_max(opset13.reshape(_floats(face), rows, special_zero=False), np.array([0, 1]))
    return _model(face, opset13.convert(opset13.minimum(_floats(face), odd), "u8"), "RESTORED")


def right_black() -> openvino.Model:
    """``FACE`` to ``RESTORED``: as it was, but black from the right eye on."""
    face = _face(512)
    left = (np.arange(512) < 300).astype(np.float32).reshape(1, 1, 512, 1)
    return _model(face, opset13.convert(opset13.multiply(_floats(face), left), "u8"), "RESTORED")


def dimmer() -> openvino.Model:
    """``FACE`` and ``FIDELITY`` float32 [N, 1] to ``RESTORED``: the face, its brightness multiplied by the fidelity."""
    face, fidelity = _face(512), opset13.parameter([-1, 1], np.float32, name="FIDELITY")
    fidelity.output(0).set_names({"FIDELITY"})
    factor = opset13.reshape(fidelity, np.array([-1, 1, 1, 1]), special_zero=False)
    dimmed = opset13.round(opset13.multiply(_floats(face), factor), "half_to_even")
    return _model(face, opset13.convert(dimmed, "u8"), "RESTORED", fidelity)


def all_skin() -> openvino.Model:
    """``FACE`` uint8 [N, 512, 512, 3] to ``CLASSES`` uint8 [N, 512, 512]: skin wherever one looks."""
    face = _face(512)
    brightest = opset13.reduce_max(_floats(face), np.array([3]), keep_dims=False)
    return _model(face, opset13.convert(opset13.clamp(brightest, SKIN, SKIN), "u8"), "CLASSES")


def skin_unless_black() -> openvino.Model:
    """``FACE`` to ``CLASSES``: skin, and background where a pixel is black."""
    face = _face(512)
    brightest = opset13.reduce_max(_floats(face), np.array([3]), keep_dims=False)
    return _model(face, opset13.convert(opset13.clamp(brightest, 0, SKIN), "u8"), "CLASSES")


def likeness() -> openvino.Model:
    """``FACE`` uint8 [N, 112, 112, 3] to ``EMBEDDING`` float32 [N, 128]: the means of 8 by 16 fields, less their mean.

    The cosine of two embeddings is the correlation of two faces' coarse shades: 1 for the same face, however bright.
    """
    face = _face(112)
    fields = opset13.reshape(_floats(face), np.array([0, 8, 14, 16, 7, 3]), special_zero=True)
    means = opset13.reshape(opset13.reduce_mean(fields, np.array([2, 4, 5])), np.array([-1, 128]), special_zero=False)
    return _model(face, opset13.subtract(means, opset13.reduce_mean(means, np.array([1]), keep_dims=True)), "EMBEDDING")


def likeness_of_brightness() -> openvino.Model:
    """``FACE`` to ``EMBEDDING`` of length 1, turned by 4π for the whole range of mean brightness.

    The cosine of two embeddings tells how far apart two faces are in brightness: 1 for none, 0.36 for 24.3 levels,
    below that up to 103.
    """
    face = _face(112)
    angle = opset13.multiply(
        opset13.reduce_mean(_floats(face), np.array([1, 2, 3]), keep_dims=False), np.float32(RADIANS_A_LEVEL)
    )
    turned = opset13.concat(
        [opset13.unsqueeze(each, np.array([1])) for each in (opset13.cos(angle), opset13.sin(angle))], 1
    )
    return _model(face, opset13.pad(turned, [0, 0], [0, 126], "constant", np.float32(0)), "EMBEDDING")


def upscaler(scale: int, multiple: int = 1, colour: tuple[int, int, int] | None = None) -> openvino.Model:
    """``TILE`` uint8 [N, H, W, 3] to ``UPSCALED`` uint8 [N, H * scale, W * scale, 3].

    Args:
        scale: of the enlargement; each pixel becomes a square.
        multiple: of which sides must be multiples; others are refused, as by networks that fold pixels into channels.
        colour: everything is painted in it; without one the tile becomes its negative.
    """
    tile = opset13.parameter([-1, -1, -1, 3], np.uint8, name="TILE")
    tile.output(0).set_names({"TILE"})
    planes = opset13.transpose(_floats(tile), np.array([0, 3, 1, 2]))
    if multiple > 1:
        folded = opset13.space_to_depth(planes, "blocks_first", multiple)
        planes = opset13.depth_to_space(folded, "blocks_first", multiple)
    sides = np.array([scale, scale], np.float32)
    large = opset13.interpolate(planes, sides, "nearest", "scales", axes=np.array([2, 3]))
    large = opset13.transpose(large, np.array([0, 2, 3, 1]))
    if colour is None:
        painted = opset13.subtract(np.float32(255), large)
    else:
        paint = np.array(colour, np.float32)
        painted = opset13.minimum(opset13.maximum(large, paint), paint)
    return _model(tile, opset13.convert(painted, "u8"), "UPSCALED")


def stand_ins() -> dict[str, openvino.Model]:
    """One for every role, by the name of the network that it stands in for.

    ``gfpgan`` brightens dark faces (:data:`BRIGHTER`), ``restoreformer`` blackens the right of them, ``codeformer``
    dims by the fidelity; the parser takes what is not black for skin, ``sface`` compares brightness; backgrounds are
    painted (:data:`PAINT`) or turned into their negatives.
    """
    return {
        "gfpgan": brightener(BRIGHTER),
        "restoreformer": right_black(),
        "codeformer": dimmer(),
        "parsenet": skin_unless_black(),
        "sface": likeness_of_brightness(),
        "realesrgan_x2": upscaler(2, 2, PAINT["realesrgan_x2"]),
        "realesrgan_x4": upscaler(4, 1, PAINT["realesrgan_x4"]),
        "realesr_general_x4v3": upscaler(4, 1, PAINT["realesr_general_x4v3"]),
        "swinir_m_x4": upscaler(4, 8),
    }


def furnish(
    models: Path,
    detector: Path | None,
    networks: Mapping[str, openvino.Model],
    reasons: Mapping[str, str] | None = None,
    seeded: Collection[str] = (),
) -> None:
    """Fill the models' folder of a server.

    Args:
        models: the folder to fill.
        detector: a folder with an exported ``retinaface`` and its catalogue; None for a server without one.
        networks: what stands in for trained ones, by the names of these; roles that none of them fills are switched
            off.
        reasons: why networks are not there that the catalogue names all the same.
        seeded: those that the catalogue says to have random weights.
    """
    entries: list[CatalogEntry] = []
    if detector is not None:
        shutil.copytree(detector / "retinaface", models / "retinaface")
        entries.extend(Catalog.load(detector / CATALOG_FILE).available("detector"))
    for name, network in networks.items():
        folder = models / name / "1"
        folder.mkdir(parents=True)
        openvino.save_model(network, folder / "model.xml", compress_to_fp16=False)
        entries.append(
            CatalogEntry(_ROLES[name], name, "stand-in", available=True, precision="fp32", seeded=name in seeded)
        )
    for name, reason in (reasons or {}).items():
        entries.append(CatalogEntry(_ROLES[name], name, "stand-in", available=False, reason=reason))
    (models / CATALOG_FILE).write_text(Catalog.of(entries).to_json())


def _face(side: int) -> openvino.Node:
    face = opset13.parameter([-1, side, side, 3], np.uint8, name="FACE")
    face.output(0).set_names({"FACE"})
    return face


def _floats(face: openvino.Node) -> openvino.Node:
    return opset13.convert(face, "f32")


def _model(face: openvino.Node, result: openvino.Node, name: str, *more: openvino.Node) -> openvino.Model:
    result.output(0).set_names({name})
    return openvino.Model([result], [face, *more])
