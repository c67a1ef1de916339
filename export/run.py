"""Runs the export of one model in a process of its own and puts the result in its place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

from export.files import CannotWrite
from export.manifest import Manifest
from export.models import ModelSpec
from export.precisions import Aim
from export.progress import Reporter
from export.sources import Source
from export.store import ModelStore
from export.worker import Job
from limner.cpu import usable_cores
from limner.errors import ExportError, from_wire
from limner.settings import PROJECT_ROOT


def export_into(store: ModelStore, spec: ModelSpec, source: Source, aim: Aim, reporter: Reporter) -> Manifest:
    """Export one model and publish it. The store's lock must be held.

    Raises:
        WeightsError, ExportError: as the worker found; nothing in the store has changed then.
    """
    with store.staging(spec.name) as folder:
        job = Job(spec.name, source, aim, str(folder.resolve()))
        with reporter.step(f"Exporting {spec.name} ({aim.precision.upper()}) from {source.label}"):
            manifest = _run(job)
        store.publish(folder, spec.name)
    return manifest


def _run(job: Job) -> Manifest:
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "export.worker"],
            cwd=PROJECT_ROOT,
            # PyTorch counts the machine's cores, of which a container may use few.
            env={"OMP_NUM_THREADS": str(usable_cores()), **os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            answer = _ask(worker, job)
        finally:
            worker.kill()
            worker.communicate()
        log.seek(0)
        last_words = log.read().strip().splitlines()[-1:]
    try:
        content = json.loads(answer)
    except ValueError:
        raise ExportError(
            f"Exporting {job.model} ended unexpectedly; often memory ran out, of which 2 GB should be free. "
            f"Its last words: {last_words[0] if last_words else 'none'}"
        ) from None
    if "error" in content:
        error = from_wire(content["error"]) or ExportError(content["error"])
        raise CannotWrite(error.message) if content["cannot_write"] else error
    return Manifest(**content)


def _ask(worker: subprocess.Popen[str], job: Job) -> str:
    """Hand over the job and wait for the answer. Standard input stays open: its end would end the worker."""
    if worker.stdin is None or worker.stdout is None:
        raise ExportError("The exporting process has no pipes.")
    try:
        worker.stdin.write(job.to_json() + "\n")
        worker.stdin.flush()
    except BrokenPipeError:
        return ""
    return worker.stdout.readline()
