"""The page ``docs/models.md``, made from what was measured and what is registered.

    python -m perf.models_page

A test keeps the page in step with ``perf/results/models.json`` and the registry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from export.models import MODELS, ModelSpec
from export.registry import WeightFile
from limner.settings import PROJECT_ROOT
from perf.models import REFUSED

PAGE = PROJECT_ROOT / "docs" / "models.md"
RESULTS = PROJECT_ROOT / "perf" / "results" / "models.json"

_INTRO = """\
# Models

Every network that Limner can export: how large it is, how close it comes to its source, and how fast it is against \
upstream's own PyTorch code. Made by `python -m perf.models_page` from [models.json](../perf/results/models.json), \
which `python -m perf.models` measures. How weights are found, and their licences: [weights.md](weights.md). A model \
of your own: [adding-a-model.md](adding-a-model.md).

| model | role | network | precision | MB | error against PyTorch | quality against FP32 | upstream, s | FP32, s | \
served, s | times faster | licence |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""

_NOTES = """
- **precision**: of what the CPU profile serves. INT8 only where it passes its gate; the reasons are below.
- **MB**: the files that are served, weights and graph.
- **error against PyTorch**: of the FP32 graph, before rounding, as a part of the output's range; the largest over \
outputs and examples.
- **quality against FP32**: what the gate measured on photos that nothing was tuned on: PSNR in dB and SSIM of \
pictures, the share of equal pixels of parsers, the cosine of embeddings.
- **seconds**: median of the rounds (smallest–largest), one call with one picture, after a warm-up, both sides taking \
turns. Upstream is its PyTorch module alone, in FP32 (of SFace, the published graph in ONNX Runtime); ours includes \
normalisation, rounding and, in detectors, decoding, as Triton's CPU profile runs it.
- **times faster**: upstream's median divided by that of what is served. Below 1 it is a loss.
"""

_NOT_MEASURED = "not measured"
_FIGURES = 8
"""Columns that a measurement fills."""


def models_page() -> str:
    """The text of the page."""
    content = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {"networks": []}
    rows = {str(row["network"]): row for row in content["networks"]}
    lines = [_line(spec, weight, rows.get(weight.variant)) for spec, weight in _networks()]
    return _INTRO + "\n".join(lines) + "\n" + _NOTES + "".join(_remarks(rows))


def _networks() -> Iterator[tuple[ModelSpec, WeightFile]]:
    """Each network of each model once, under the file that is its best; retrained ones share its figures."""
    for spec in MODELS:
        seen: set[str] = set()
        for weight in spec.files:
            if weight.architecture not in seen:
                yield spec, weight
            seen.add(weight.architecture)


def _line(spec: ModelSpec, weight: WeightFile, row: Mapping[str, Any] | None) -> str:
    licence = f"**non-commercial**: {weight.licence}" if weight.non_commercial else weight.licence
    figures = _figures(row) if row else (_NOT_MEASURED, *[""] * (_FIGURES - 1))
    return "| " + " | ".join((f"`{spec.name}`", spec.role, weight.variant, *figures, licence)) + " |"


def _figures(row: Mapping[str, Any]) -> tuple[str, ...]:
    seconds, faster = row["seconds"], row["times_faster"]
    served = row["precision"]
    quality = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in row["quality"].items())
    return (
        served.upper(),
        f"{row['megabytes']:.1f}",
        f"{row['relative_error']:.1e}",
        quality if served != "fp32" else "",
        _seconds(seconds["upstream"]),
        _seconds(seconds["fp32"]),
        _seconds(seconds[served]),
        f"{faster[served]:.2f}",
    )


def _seconds(figures: Mapping[str, float]) -> str:
    return f"{figures['median']:.3g} ({figures['min']:.3g}–{figures['max']:.3g})"


def _remarks(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Inputs, weights, why a precision is another one than was aimed at, and the machines."""
    measured = [rows[weight.variant] for _, weight in _networks() if weight.variant in rows]
    if not measured:
        return
    yield "\n## What was measured\n\n| network | weights | input | rounds | note |\n|---|---|---|---|---|\n"
    for row in measured:
        shape = "×".join(str(size) for size in next(iter(row["input"].values())))
        yield f"| {row['network']} | {row['weights']} | {shape} | {row['rounds']} | {_note(row)} |\n"
    yield "\nRandom weights are as fast as real ones; quality says little with them.\n"
    for machine in dict.fromkeys(_machine(row["machine"]) for row in measured):
        yield f"\n{machine}\n"


def _note(row: Mapping[str, Any]) -> str:
    """Why the precision is another one, and how fast INT8 would be where only trained weights may pass its gate."""
    reason = str(row["reason"] or "")
    if REFUSED not in row["seconds"]:
        return reason
    seconds, faster = _seconds(row["seconds"][REFUSED]), row["times_faster"][REFUSED]
    return f"{reason} It would take {seconds} s, {faster:.2f} times faster; trained weights may pass."


def _machine(machine: Mapping[str, Any]) -> str:
    instructions = ", ".join(machine["instructions"])
    return (
        f"Machine: {machine['cpu']} ({instructions}), {machine['cores']} cores, {machine['threads']} threads a side, "
        f"{machine['memory_gib']} GiB, Python {machine['python']}, commit {machine['commit']}."
    )


def main(page: Path = PAGE) -> None:
    page.write_text(models_page(), "utf-8")


if __name__ == "__main__":
    main()
