"""Upstream's own pipeline: ``GFPGANer`` with ``RealESRGANer`` behind it, in PyTorch, in ``.venv-upstream``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from limner.settings import PROJECT_ROOT
from perf.bench.cases import Case
from perf.bench.timing import Timing

_PYTHON = PROJECT_ROOT / ".venv-upstream" / "bin" / "python"
"""Made by ``make upstream``."""

_ORACLE = PROJECT_ROOT / "tests" / "upstream" / "whole.py"


class Upstream:
    """Each run is a process of its own, whose start and loading do not count."""

    def __init__(self, checkpoints: Mapping[str, Path], folder: Path) -> None:
        if not _PYTHON.exists():
            raise SystemExit("Upstream is not installed: make upstream")
        self._checkpoints, self._folder = checkpoints, folder

    def __call__(self, case: Case) -> Timing:
        photo, answer = self._folder / "photo.npy", self._folder / "answer.json"
        np.save(photo, np.frombuffer(case.photo, np.uint8))
        command: list[Any] = [_PYTHON, _ORACLE, "--photo", photo, "--answer", answer, "--scale", case.scale]
        for option, model in (("--weights", "gfpgan"), ("--parser", "parsenet"), ("--detector", "retinaface")):
            command += [option, self._checkpoints[model]]
        if case.background:
            network_scale = 4 if case.background.endswith("x4") else 2
            command += ["--background", self._checkpoints[case.background], "--background_scale", network_scale]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        if done.returncode:
            raise SystemExit(f"Upstream failed; `make upstream` installs it.\n{done.stderr[-1000:]}")
        told = json.loads(answer.read_text("utf-8"))
        return Timing(told["seconds"], told["stages"], told["faces"], told["memory_mib"], told["size"])
