"""``docs/weights.md`` keeps step with the registry, the manifest and the command line."""

from __future__ import annotations

import re
from typing import get_args

from cli.export_command import export
from export.models import MODELS
from export.order import item_called
from export.precisions import Requested
from export.registry import WEIGHTS
from limner.settings import PROJECT_ROOT

TEXT = (PROJECT_ROOT / "docs" / "weights.md").read_text("utf-8")


def test_every_file_is_documented() -> None:
    for weight in WEIGHTS:
        marked = "**non-commercial**: " if weight.non_commercial else ""
        line = (
            f"| [{weight.file}]({weight.urls[0]}) | {weight.role} | {weight.model} | "
            f"{weight.size / 1e6:.1f} | {marked}{weight.licence} |"
        )
        assert line in TEXT


def test_every_model_and_tensor_is_documented() -> None:
    for spec in MODELS:
        (line,) = [line for line in TEXT.splitlines() if line.startswith(f"| `{spec.name}`")]
        for tensor in (*spec.inputs, *spec.outputs):
            shape = ", ".join(str(size) for size in tensor.shape)
            assert f"`{tensor.name}` {tensor.dtype} [{shape}]" in line


def test_models_exported_by_default_are_named() -> None:
    listed = ", ".join(f"`{spec.name}`" for spec in MODELS if spec.by_default)
    assert f"exported by default ({listed})" in TEXT


def test_every_precision_is_explained() -> None:
    for precision in get_args(Requested):
        assert f"\n| `{precision}`" in TEXT


def test_export_commands_are_real() -> None:
    commands = [match.split() for match in re.findall(r"limner export((?: [^\s`]+)+)(?:`|  |\n)", TEXT)]
    options = {name for parameter in export.params for name in parameter.opts}
    assert len(commands) >= 6
    for words in commands:
        assert {word for word in words if word.startswith("--")} <= options
        if not words[0].startswith("--"):
            assert item_called(words[0])


def test_manifest_is_described() -> None:
    for field in ("source", "sha256", "licence", "precision", "requested", "opset", "parity", "quality"):
        assert field in TEXT.partition("| `manifest.json` |")[2].partition("\n")[0]
