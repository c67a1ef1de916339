"""The tables of docs/licences.md, out of what the locks pin and the licences that were found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from deploy.locks import Pin
from deploy.shipped import DEVELOPMENT, SHIPPED

MARK: Final = "<!-- Below: written by python -m deploy.licences -->\n"

ALLOWED: Final = frozenset(
    {
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "ISC",
        "LicenseRef-NVIDIA-Proprietary",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
        "PSF-2.0",
        "Unlicense",
        "ZPL-2.1",
    }
)
"""What shipped packages may be under. Whoever adds one has read it, and has said in docs/licences.md what follows."""


def with_tables(text: str, record: Mapping[str, str]) -> str:
    """``text`` of the page, with new tables in place of what follows the mark.

    Args:
        record: licences by ``name==version``.
    """
    where: dict[str, list[str]] = {}
    inside: dict[str, str] = {}
    front: dict[str, str] = {}
    for thing in SHIPPED:
        front |= {_key(pin): pin.licence for pin in thing.pins() if not thing.lock}
        for pin in thing.python_packages():
            if thing.name == DEVELOPMENT:
                inside[_key(pin)] = record[_key(pin)]
            else:
                where.setdefault(_key(pin), []).append(thing.name)
    parts = (
        text.partition(MARK)[0] + MARK,
        "## Shipped: Python\n",
        _table(
            "package | version | licence | in", ((key, record[key], ", ".join(where[key])) for key in sorted(where))
        ),
        "## Shipped: the page\n",
        _table("package | version | licence", sorted(front.items())),
        "## Development alone\n",
        _table("package | version | licence", ((key, inside[key]) for key in sorted(inside) if key not in where)),
    )
    return "\n".join(parts)


def _table(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {head} |", "|---" * (head.count("|") + 1) + "|"]
    for key, *rest in rows:
        name, _, version = key.rpartition("==")
        lines.append(f"| {' | '.join((name, version, *rest))} |")
    return "\n".join(lines) + "\n"


def _key(pin: Pin) -> str:
    return f"{pin.name}=={pin.version}"
