"""Every network: Limner's exports as Triton runs them on a CPU against upstream's own module, same weights, one run.

    python -m perf.models [MODEL...] [--rounds 3] [--models DIR] [--add]

After a warm-up, upstream (PyTorch, FP32), our FP32 graph and the form that is served take turns, on the same picture
with the same number of threads. Models are exported to a temporary folder, with the weights that a package carries or
else random ones, which are as fast as real ones; ``--models DIR`` takes those of
``limner export --all --seeded --output DIR`` instead. Writes ``perf/results/models.json``; ``--add`` keeps what it
holds of other networks. ``python -m perf.models_page`` makes docs/models.md of it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from export.manifest import Manifest
from export.models import ModelSpec, model_spec
from export.order import Item, Order, carry_out, every_network
from export.precision.forms import ONNX_FILE, OPENVINO_FILE
from export.precision.samples import evaluation_inputs
from export.registry import weight_file
from export.sources import Source
from limner.settings import PROJECT_ROOT, Settings
from perf.latency import spread
from perf.machine import describe_machine
from perf.regardless import write_int8_regardless
from perf.served import ServedModel, served_file
from perf.upstream import upstream_of

RESULTS = PROJECT_ROOT / "perf" / "results" / "models.json"
THREADS = 2
REFUSED = "int8_refused"
"""The side that is INT8 of random weights which did not pass the gate."""

OPENVINO = "openvino"
"""The same in OpenVINO, where Limner's own kernel is what is served."""

_SWINIR_SIDE = 64
_SEED = 0

Seconds = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", type=Path, metavar="DIR", help="a folder of exported models")
    parser.add_argument("--add", action="store_true", help="keep the figures of other networks")
    arguments = parser.parse_args()
    wanted = {model_spec(name).name for name in arguments.names}
    rows = _rows_of(RESULTS) if arguments.add else {}
    machine = describe_machine() | {"threads": THREADS}
    for item in every_network():
        if wanted and item.spec.name not in wanted:
            continue
        with tempfile.TemporaryDirectory(prefix="limner-perf-") as folder:
            manifest = _exported(item, arguments.models, Path(folder))
            if manifest is None:
                continue
            models = arguments.models or Path(folder)
            row = describe(manifest, models / item.spec.name) | {"rounds": arguments.rounds, "machine": machine}
            row |= measure(manifest, models / item.spec.name, arguments.rounds, Path(folder))
        rows[manifest.variant] = row
        sys.stdout.write(json.dumps(row["seconds"]) + "\n")
        RESULTS.write_text(json.dumps({"networks": list(rows.values())}, indent=2) + "\n", "utf-8")


def _rows_of(path: Path) -> dict[str, dict[str, Any]]:
    content = json.loads(path.read_text("utf-8")) if path.is_file() else {"networks": []}
    return {row["network"]: row for row in content["networks"]}


def _exported(item: Item, models: Path | None, folder: Path) -> Manifest | None:
    """The manifest of the item's network; None where ``models`` holds another one or none."""
    if models is None:
        order = Order((item,), folder, seed=_SEED, packaged_first=True)
        (manifest,) = carry_out(order, Settings(data=folder / "data"))
        return manifest
    found = Manifest.load(models / item.spec.name)
    if found is None or (item.weight is not None and found.source["file"] != item.weight.file):
        sys.stderr.write(f"{item.spec.name}: not in {models.name}: {item.weight.variant if item.weight else ''}\n")
        return None
    return found


def describe(manifest: Manifest, exported: Path) -> dict[str, Any]:
    """What the manifest holds for a row: names, precision, size of what is served, errors, the gate's figures."""
    source = Source.from_manifest(manifest.source)
    file = served_file(manifest.model, exported / manifest.version)
    endings = (".xml", ".bin") if file == OPENVINO_FILE else (".rrdb", ".so")
    served = [file for file in manifest.files if str(file["name"]).endswith(endings)]
    judged = [entry for entry in manifest.quality if entry.get("file", OPENVINO_FILE) == file]
    quality: Any = judged[-1] if judged else {}
    return {
        "model": manifest.model,
        "network": manifest.variant,
        "role": manifest.role,
        "weights": "random" if source.kind == "seeded" else source.label,
        "precision": manifest.precision,
        "reason": manifest.precision_reason,
        "megabytes": round(sum(int(str(file["bytes"])) for file in served) / 1e6, 1),
        "relative_error": manifest.worst_error,
        "quality": quality.get("figures", {}),
        "limits": quality.get("limits", {}),
        "tools": manifest.tools,
    }


def measure(manifest: Manifest, exported: Path, rounds: int, folder: Path) -> dict[str, Any]:
    """Seconds of all sides, taking turns, and how many times faster than upstream ours are."""
    spec, source = model_spec(manifest.model), Source.from_manifest(manifest.source)
    inputs = standard_input(spec, source)
    upstream = upstream_of(source, inputs, folder, THREADS)
    fp32 = ServedModel(spec.name, exported, manifest.version, ONNX_FILE)
    sides: dict[str, Callable[[], float]] = {"upstream": upstream.seconds, "fp32": lambda: fp32.seconds(inputs)}
    if manifest.precision != "fp32":
        file = served_file(spec.name, exported / manifest.version)
        served = ServedModel(spec.name, exported, manifest.version, file)
        sides[manifest.precision] = lambda: served.seconds(inputs)
        if file != OPENVINO_FILE:
            other = ServedModel(spec.name, exported, manifest.version, OPENVINO_FILE)
            sides[OPENVINO] = lambda: other.seconds(inputs)
    elif source.kind == "seeded" and manifest.quality:
        refused = refused_int8(spec, exported / manifest.version / ONNX_FILE, folder / "refused")
        sides[REFUSED] = lambda: refused.seconds(inputs)
    seconds = {name: spread(values) for name, values in taking_turns(sides, rounds)}
    return {
        "input": {name: list(array.shape) for name, array in inputs.items()},
        "seconds": seconds,
        "times_faster": {
            name: round(seconds["upstream"]["median"] / seconds[name]["median"], 2)
            for name in seconds
            if name != "upstream"
        },
    }


def refused_int8(spec: ModelSpec, graph: Path, folder: Path) -> ServedModel:
    """What the first recipe makes of random weights, though it did not pass the gate: trained ones may."""
    version = folder / spec.version
    version.mkdir(parents=True)
    write_int8_regardless(spec, graph, version)
    return ServedModel(spec.name, folder, spec.version, OPENVINO_FILE)


def standard_input(spec: ModelSpec, source: Source) -> Mapping[str, NDArray[Any]]:
    """One photo of the size that the model is served with: a face, a frame, a tile (a smaller one for SwinIR)."""
    arrays = list(evaluation_inputs(spec)[0])
    if weight_file(source.file).architecture == "swinir":
        arrays[0] = arrays[0][:, :_SWINIR_SIDE, :_SWINIR_SIDE].copy()
    return {tensor.name: array for tensor, array in zip(spec.inputs, arrays, strict=True)}


def taking_turns(sides: Mapping[str, Callable[[], float]], rounds: int) -> Iterator[tuple[str, list[float]]]:
    """Each side once to warm up, then round by round in the same order."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, run in sides.items():
            spent = run()
            if number:
                seconds[name].append(spent)
    yield from seconds.items()


if __name__ == "__main__":
    main()
