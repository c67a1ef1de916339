"""``limner doctor`` tells what is there, and what to do about what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import doctor_command


@pytest.mark.parametrize(
    ("built", "says"), [(True, "✓ the page is built"), (False, "· The page is not built; `make page`")]
)
def test_the_page_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: bool, says: str) -> None:
    if built:
        (tmp_path / "index.html").touch()
    monkeypatch.setattr(doctor_command, "DIST", tmp_path)
    told = CliRunner().invoke(doctor_command.doctor).output
    assert says in told
