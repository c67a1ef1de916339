"""Networks that change nothing, or one known thing, in place of trained ones: what is left to see is the pipeline."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openvino
from openvino import opset13

from limner.catalog import CATALOG_FILE, Catalog, CatalogEntry, Role

SKIN = 1
"""The parser's class that :func:`all_skin` gives to every pixel."""

_ROLES: dict[str, Role] = {
    "gfpgan": "face_restorer",
    "restoreformer": "face_restorer",
    "parsenet": "parser",
    "sface": "identity",
}


def restorer(factors: tuple[float, float, float] = (1, 1, 1)) -> openvino.Model:
    """``FACE`` to ``RESTORED``, both uint8 [N, 512, 512, 3], red, green and blue multiplied by ``factors`` of 0..1."""
    face = _face(512)
    coloured = opset13.multiply(_floats(face), np.array(factors, np.float32))
    return _model(face, opset13.convert(opset13.round(coloured, "half_to_even"), "u8"), "RESTORED")


def all_skin() -> openvino.Model:
    """``FACE`` uint8 [N, 512, 512, 3] to ``CLASSES`` uint8 [N, 512, 512]: skin wherever one looks."""
    face = _face(512)
    brightest = opset13.reduce_max(_floats(face), np.array([3]), keep_dims=False)
    return _model(face, opset13.convert(opset13.clamp(brightest, SKIN, SKIN), "u8"), "CLASSES")


def likeness() -> openvino.Model:
    """``FACE`` uint8 [N, 112, 112, 3] to ``EMBEDDING`` float32 [N, 128]: the means of 8 by 16 fields, less their mean.

    The cosine of two embeddings is the correlation of two faces' coarse shades: 1 for the same face, however bright.
    """
    face = _face(112)
    fields = opset13.reshape(_floats(face), np.array([0, 8, 14, 16, 7, 3]), special_zero=True)
    means = opset13.reshape(opset13.reduce_mean(fields, np.array([2, 4, 5])), np.array([-1, 128]), special_zero=False)
    return _model(face, opset13.subtract(means, opset13.reduce_mean(means, np.array([1]), keep_dims=True)), "EMBEDDING")


def furnish(models: Path, detector: Path, networks: Mapping[str, openvino.Model]) -> None:
    """Fill the models' folder of a server.

    Args:
        models: the folder to fill.
        detector: a folder with an exported ``retinaface`` and its catalogue.
        networks: what stands in for ``gfpgan``, ``restoreformer``, ``parsenet`` and ``sface``; roles that none of them
            fills are switched off.
    """
    shutil.copytree(detector / "retinaface", models / "retinaface")
    entries = list(Catalog.load(detector / CATALOG_FILE).available("detector"))
    for name, network in networks.items():
        folder = models / name / "1"
        folder.mkdir(parents=True)
        openvino.save_model(network, folder / "model.xml", compress_to_fp16=False)
        entries.append(CatalogEntry(_ROLES[name], name, "stand-in", available=True, precision="fp32"))
    (models / CATALOG_FILE).write_text(Catalog.of(entries).to_json())


def _face(side: int) -> openvino.Node:
    face = opset13.parameter([-1, side, side, 3], np.uint8, name="FACE")
    face.output(0).set_names({"FACE"})
    return face


def _floats(face: openvino.Node) -> openvino.Node:
    return opset13.convert(face, "f32")


def _model(face: openvino.Node, result: openvino.Node, name: str) -> openvino.Model:
    result.output(0).set_names({name})
    return openvino.Model([result], [face])
