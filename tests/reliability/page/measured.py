"""When, at which commit and on what each part was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from perf.cost.tables import table
from tests.reliability.page.figures import Figures

_NOT_RECORDED = "not recorded"


def section(results: Mapping[str, Figures]) -> str:
    lines = dict.fromkeys(line for name, figures in results.items() for line in _lines(name, figures))
    return "\n## Where it was measured\n\n`-dirty` is a commit with changes that were not in it yet.\n\n" + table(
        ("part", "date", "commit", "machine"), lines
    )


def _lines(name: str, figures: Figures) -> Iterator[tuple[str, ...]]:
    if name == "fuzz":
        yield _line("hostile images, decoded", figures.part("images"))
        yield _line("hostile images, by HTTP", figures.part("served"))
        for parser in figures.parts("targets").values():
            yield _line("fuzzed parsers", parser)
    elif name == "hostile":
        for door in ("gateway", "nginx"):
            yield _line(f"hostile clients, {door}", figures.part(door))
    else:
        yield _line({"faults": "faults", "soak": "soak"}.get(name, "cross-talk, determinism, upgrade"), figures)


def _line(part: str, figures: Figures) -> tuple[str, ...]:
    date = figures.text("date") if figures.has("date") else _NOT_RECORDED
    if not figures.has("machine"):
        return part, date, _NOT_RECORDED, _NOT_RECORDED
    machine = figures.part("machine")
    told = (
        f"{machine.text('cpu')} ({', '.join(machine.texts('instructions'))}), {machine.count('cores')} cores, "
        f"{machine.number('memory_gib'):g} GiB, Python {machine.text('python')}"
    )
    return part, date, f"`{machine.text('commit')}`", told
