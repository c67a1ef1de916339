"""Writes the page; says what is missing, and ends with 1 then."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from limner.settings import PROJECT_ROOT
from tests.reliability.page.figures import OddFigures
from tests.reliability.page.whole import PARTS, reliability_page

PAGE = PROJECT_ROOT / "docs" / "reliability.md"
RESULTS = PROJECT_ROOT / "perf" / "results"


def load(folder: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """The result files that there are.

    Raises:
        OddFigures: one of them is not a JSON object.
    """
    found = {}
    for name in PARTS:
        if (path := folder / f"{name}.json").is_file():
            try:
                content = json.loads(path.read_text("utf-8"))
            except ValueError as error:
                raise OddFigures(f"{path.name} is not JSON: {error}") from error
            if not isinstance(content, dict):
                raise OddFigures(f"{path.name} is not an object")
            found[name] = content
    return found


def main(folder: Path = RESULTS, page: Path = PAGE) -> int:
    try:
        results = load(folder)
        text = reliability_page(results)
    except OddFigures as error:
        sys.stderr.write(f"{error}\n")
        return 1
    missing = [name for name in PARTS if name not in results]
    for name in missing:
        sys.stderr.write(f"{name}.json is missing, and its section with it: run {PARTS[name][2]} first\n")
    page.write_text(text, "utf-8")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
