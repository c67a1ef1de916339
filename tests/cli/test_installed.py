"""The commands as they are installed: without the project's folder on the path, as ``limner`` runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import _COMMANDS


@pytest.mark.parametrize("module", sorted(_COMMANDS.values()))
def test_a_command_finds_all_that_it_imports(module: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-I", "-c", f"import {module}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
