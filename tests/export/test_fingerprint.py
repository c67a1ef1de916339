"""What an export depends on is in its fingerprint."""

from __future__ import annotations

from pathlib import Path

from export import fingerprint


def test_every_file_that_makes_a_precision_is_known() -> None:
    """A new file in ``export/precision/`` must be named, or a change there would leave old exports in use."""
    known = {Path(name).name for name in (*fingerprint._SHARED_SOURCES, *fingerprint._PLAN_SOURCES)}
    known |= {name for names in fingerprint._PRECISION_SOURCES.values() for name in names}
    files = {path.name for path in Path(fingerprint.__file__).with_name("precision").glob("*.py")}
    assert files - known - {"__init__.py"} == set()
