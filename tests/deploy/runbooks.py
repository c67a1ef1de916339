"""What is in the runbooks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from limner.settings import PROJECT_ROOT
from tests.deploy.dashboards import Query

FOLDER = PROJECT_ROOT / "docs" / "runbooks"
PAGES = sorted(FOLDER.glob("*.md"))


def runbook_queries() -> Iterator[Query]:
    """All expressions that readers are told to look at; one a line."""
    for page in PAGES:
        for block in re.findall(r"```promql\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            for line in block.splitlines():
                yield Query(f"runbook: {page.stem}", line)
