"""The process in which one model is exported: PyTorch's memory goes with it.

It reads a job from standard input and writes a manifest, or an error as ``{"error": "[type] message"}``, to standard
output, both one line of JSON. It ends when its parent does.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import cast

from export.fingerprint import fingerprint, tool_versions
from export.manifest import MODEL_FILE, Manifest
from export.models import OPSET, ModelSpec, Precision, check_precision, model_spec
from export.sources import Source
from limner.errors import ExportError, LimnerError

_EXAMPLES_SEED = 1


@dataclass(frozen=True)
class Job:
    """Export ``model`` from ``source`` into ``folder``, which exists and is empty."""

    model: str
    source: Source
    precision: Precision
    folder: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Job:
        fields = json.loads(text)
        return Job(**{**fields, "source": Source.from_manifest(fields["source"])})


def export_model(spec: ModelSpec, source: Source, precision: Precision, folder: Path) -> Manifest:
    """Write ``<folder>/<version>/model.onnx`` and ``<folder>/manifest.json``. Imports PyTorch.

    Raises:
        WeightsError: where the weights cannot be read or belong to another network.
        ExportError: where the graph cannot be exported, differs from PyTorch, or the disk is full.
    """
    import onnx  # noqa: PLC0415 - heavy, and not there before an export is needed

    from export.architectures import architecture  # noqa: PLC0415
    from export.onnx_export import to_onnx  # noqa: PLC0415
    from export.parity import ExactGraph, check_parity  # noqa: PLC0415

    module = architecture(source.architecture)
    graph = module.served(module.build(source.load(), source.label)).eval()
    examples = module.examples(_EXAMPLES_SEED)
    model = to_onnx(spec, graph, examples[0])
    parity = check_parity(spec, model, cast("ExactGraph", graph), examples)
    content = onnx.ModelProto.SerializeToString(model)
    manifest = Manifest(
        model=spec.name,
        role=spec.role,
        variant=source.variant,
        version=spec.version,
        precision=check_precision(precision),
        opset=OPSET,
        inputs=[tensor.describe() for tensor in spec.inputs],
        outputs=[tensor.describe() for tensor in spec.outputs],
        source=source.describe(),
        custom=source.custom,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        parity=[figure.describe() for figure in parity],
        tools=tool_versions(),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        fingerprint=fingerprint(spec, source, precision),
    )
    try:
        (folder / spec.version).mkdir()
        (folder / spec.version / MODEL_FILE).write_bytes(content)
        (folder / "manifest.json").write_text(manifest.to_json(), "utf-8")
    except OSError as error:
        raise ExportError(
            f"{spec.name} could not be written ({error.strerror}). Free at least {2 * len(content) / 1e6:.0f} MB, "
            "or set LIMNER_DATA to a folder with room."
        ) from None
    return manifest


def _end_with_parent() -> None:
    """Standard input closes when the parent ends, however it does."""
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """Do the job on standard input."""
    job = Job.from_json(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answer, sys.stdout = sys.stdout, sys.stderr
    try:
        line = json.dumps(asdict(export_model(model_spec(job.model), job.source, job.precision, Path(job.folder))))
    except LimnerError as error:
        line = json.dumps({"error": error.to_wire()})
    answer.write(line + "\n")
    answer.flush()
    # The watching thread holds standard input; an ordinary exit could wait for it.
    os._exit(0)


if __name__ == "__main__":
    main()
