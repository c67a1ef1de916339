"""Commands that say what is wrong, where the catalogue is: they say so, too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from limner.catalog import CATALOG_FILE
from limner.settings import PROJECT_ROOT


def limner(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", command],
        cwd=PROJECT_ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", ["doctor", "models"])
@pytest.mark.parametrize("content", ["{", '{"models": [{}]}'])
def test_a_damaged_catalogue_is_named(tmp_path: Path, command: str, content: str) -> None:
    path = tmp_path / "models" / CATALOG_FILE
    path.parent.mkdir()
    path.write_text(content)
    run = limner(command, LIMNER_DATA=str(tmp_path))
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    told = run.stdout if command == "doctor" else run.stderr
    assert f"{path} cannot be read, or is of another version. Run `limner export`" in told


def test_a_wrong_setting_is_told_once() -> None:
    run = limner("doctor", LIMNER_PORT="many")
    assert run.returncode == 1
    assert (run.stdout + run.stderr).count("LIMNER_PORT") == 1
