"""``docs/weights.md`` keeps step with the registry."""

from __future__ import annotations

from export.models import MODELS
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
