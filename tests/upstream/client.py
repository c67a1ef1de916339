"""Asks the oracle: what upstream's own code makes of an input, as arrays."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.upstream.install import PYTHON, is_installed, main

_ORACLE = Path(__file__).with_name("oracle.py")


def require_upstream() -> None:
    """Skip the test, by name, where there is no upstream environment; make one where nothing may be skipped."""
    if not is_installed() and os.environ.get("LIMNER_REQUIRE_ALL") == "1":
        main()
    if not is_installed():
        pytest.skip("upstream environment missing: run `make upstream`")


def ask_upstream(
    command: str, weights: Path | None, options: Mapping[str, object] | None = None, **arrays: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    """Run one command of ``oracle.py`` on ``arrays``."""
    with tempfile.TemporaryDirectory(prefix="limner-oracle-") as folder:
        given, answer = Path(folder) / "input.npz", Path(folder) / "output.npz"
        np.savez(given, **arrays)
        call = [str(PYTHON), str(_ORACLE), command, "--input", str(given), "--output", str(answer)]
        call += ["--weights", str(weights)] if weights else []
        for name, value in (options or {}).items():
            call += [f"--{name}", str(value)]
        done = subprocess.run(call, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            pytest.fail(f"oracle {command} failed: {done.stderr[-2000:]}")
        with np.load(answer) as arrays_out:
            return dict(arrays_out)
