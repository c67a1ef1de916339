"""The commands as they are installed: without the project's folder on the path, as ``limner`` runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main
from cli.main import _COMMANDS


@pytest.mark.parametrize("module", sorted(_COMMANDS.values()))
def test_a_command_finds_all_that_it_imports(module: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-I", "-c", f"import {module}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_an_image_that_lacks_commands_does_not_name_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(main._COMMANDS, "bench", "cli.not_in_this_image")
    told = CliRunner().invoke(main.cli, ["--help"])
    assert told.exit_code == 0
    assert "enhance" in told.output
    assert "bench" not in told.output
    asked = CliRunner().invoke(main.cli, ["bench"])
    assert asked.exit_code == 2
    assert "No such command 'bench'" in asked.output
