"""The process in which one model is exported: PyTorch's memory goes with it.

It reads a job from standard input and writes a manifest, or an error as ``{"error": "[type] message", "cannot_write":
…}``, to standard output, both one line of JSON. It ends when its parent does.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
import threading
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from export.architectures import ARCHITECTURES
from export.files import CannotWrite
from export.fingerprint import fingerprint, tool_versions
from export.manifest import MANIFEST_FILE, Manifest
from export.models import OPSET, ModelSpec, model_spec
from export.precisions import Aim
from export.sources import Source
from limner.errors import ExportError, LimnerError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Job:
    """Export ``model`` from ``source`` into ``folder``, which exists and is empty."""

    model: str
    source: Source
    aim: Aim
    folder: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Job:
        fields = json.loads(text)
        return Job(fields["model"], Source.from_manifest(fields["source"]), Aim(**fields["aim"]), fields["folder"])


def export_model(spec: ModelSpec, source: Source, aim: Aim, folder: Path) -> Manifest:
    """Write the model's files into ``<folder>/<version>`` and ``<folder>/manifest.json``. Imports PyTorch.

    Raises:
        WeightsError: where the weights cannot be read or belong to another network.
        CannotWrite: where the disk is full.
        ExportError: where the graph cannot be exported or differs from its source.
    """
    from export.float_graph import float_graph  # noqa: PLC0415 - heavy, and not there before an export is needed
    from export.precision.forms import write_forms  # noqa: PLC0415

    if aim.plan:
        from export.precision.tensorrt import require_tensorrt, write_plan  # noqa: PLC0415

        require_tensorrt()
    graph = float_graph(spec, source)
    versioned = folder / spec.version
    try:
        versioned.mkdir()
        forms = write_forms(spec, graph.model, aim.precision, versioned)
        if aim.precision == "int8" and ARCHITECTURES[graph.source.architecture].winograd:
            from export.winograd.form import add_winograd  # noqa: PLC0415

            forms = add_winograd(spec, graph.model, forms, versioned, aim.no_winograd)
        if aim.plan:
            write_plan(spec, versioned)
        manifest = Manifest(
            model=spec.name,
            role=spec.role,
            variant=graph.source.variant,
            version=spec.version,
            precision=forms.precision,
            requested=aim.requested,
            precision_reason=forms.reason or aim.reason,
            opset=OPSET,
            inputs=[tensor.describe() for tensor in spec.inputs],
            outputs=[tensor.describe() for tensor in spec.outputs],
            source=graph.source.describe(),
            custom=source.custom,
            files=[_describe(file) for file in sorted(versioned.iterdir())],
            parity=[figure.describe() for figure in graph.parity],
            quality=list(forms.quality),
            tools=tool_versions(),
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            fingerprint=fingerprint(spec, graph.source, aim),
        )
        (folder / MANIFEST_FILE).write_text(manifest.to_json(), "utf-8")
    except OSError as error:
        needed = 3 * len(graph.model.SerializeToString()) / 1e6
        raise CannotWrite(
            f"{spec.name} could not be written ({error.strerror}). Free at least {needed:.0f} MB, "
            "or set LIMNER_DATA to a folder with room."
        ) from None
    return manifest


def _describe(file: Path) -> dict[str, object]:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256") if hasattr(hashlib, "file_digest") else None
        digest = digest or hashlib.sha256(stream.read())
    return {"name": file.name, "bytes": file.stat().st_size, "sha256": digest.hexdigest()}


def _end_with_parent() -> None:
    """Standard input closes when the parent ends, however it does."""
    sys.stdin.read()
    os._exit(1)


def _explained(error: Exception, model: str) -> ExportError:
    """A sentence for what no tool was expected to raise."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return CannotWrite(
            f"{model} could not be exported ({error.strerror}). Free some room, also for temporary files."
        )
    if isinstance(error, MemoryError):
        return ExportError(f"{model} could not be exported: memory ran out, of which 2 GB should be free.")
    said = next(iter(str(error).splitlines()), "")[:300]
    return ExportError(
        f"{model} could not be exported ({type(error).__name__}: {said}). "
        "Check that the pinned versions are installed: limner doctor."
    )


def main() -> None:
    """Do the job on standard input."""
    job = Job.from_json(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answer, sys.stdout = sys.stdout, sys.stderr
    try:
        line = json.dumps(asdict(export_model(model_spec(job.model), job.source, job.aim, Path(job.folder))))
    except Exception as error:  # PyTorch, ONNX Runtime, OpenVINO and NNCF raise many kinds
        told = error if isinstance(error, LimnerError) else _explained(error, job.model)
        line = json.dumps({"error": told.to_wire(), "cannot_write": isinstance(told, CannotWrite)})
    answer.write(line + "\n")
    answer.flush()
    # The watching thread holds standard input; an ordinary exit could wait for it.
    os._exit(0)


if __name__ == "__main__":
    main()
