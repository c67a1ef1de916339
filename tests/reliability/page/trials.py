"""The table at the top: a row for each kind of trial, and a sentence that says what was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perf.cost.tables import mib, number, table

_HARM = {
    "crashes": ("crash", "crashes"),
    "hangs": ("hang", "hangs"),
    "server_errors": ("5xx", "5xx"),
    "wrong": ("wrong result", "wrong results"),
    "lost": ("lost task", "lost tasks"),
}

_HEAD = (
    *("trial", "tried", "faults injected", "crashes", "hangs", "5xx", "wrong", "lost"),
    *("recovery at most, s", "memory before → after, MiB", "tests"),
)

NONE = "–"


@dataclass(frozen=True)
class Trial:
    """One row. None stands where a trial does not ask that; ``memory`` is before and after, in MiB."""

    name: str
    tried: str
    tests: str
    injected: int | None = None
    crashes: int | None = None
    hangs: int | None = None
    server_errors: int | None = None
    wrong: int | None = None
    lost: int | None = None
    recovery: float | None = None
    memory: tuple[float, float] | None = None

    def harm(self) -> list[str]:
        """What must not be, in words."""
        found = ((getattr(self, kind), words) for kind, words in _HARM.items())
        return [f"{count:,} {words[count != 1]}" for count, words in found if count]

    def row(self) -> tuple[str, ...]:
        return (
            self.name,
            self.tried,
            NONE if self.injected is None else f"{self.injected:,}",
            *(harmful(getattr(self, kind)) for kind in _HARM),
            NONE if self.recovery is None else number(self.recovery),
            NONE if self.memory is None else " → ".join(map(mib, self.memory)),
            f"`{self.tests}`",
        )


def harmful(count: int | None) -> str:
    """A count that should be 0: bold where it is not."""
    if count is None:
        return NONE
    return f"**{count:,}**" if count else "0"


def listed(found: Sequence[str]) -> str:
    """The first of what was found, as a list; nothing where nothing was."""
    told = [" ".join(each.split()).replace("`", "'")[:200] for each in found[:10]]
    further = [f"- and {len(found) - 10:,} more\n"] if len(found) > 10 else []
    return "".join(["\n", *(f"- `{each}`\n" for each in told), *further]) if found else ""


def counted(counts: dict[str, int]) -> str:
    """``{"a": 1200, "b": 1, "c": 0}`` as ``a: 1,200; b: 1``."""
    return "; ".join(f"{name}: {count:,}" for name, count in counts.items() if count) or NONE


def summary(trials: Iterable[Trial], missing: dict[str, str]) -> str:
    """The table, and what was found. ``missing``: commands by the names of trials that have no figures."""
    rows = list(trials)
    found = [f"{trial.name}: {', '.join(trial.harm())}" for trial in rows if trial.harm()]
    told = (
        f"**Found:** {'; '.join(found)}."
        if found
        else "No crash, no hang, no 5xx, no wrong result and no lost task was found."
    )
    if missing:
        told += " **Not all was measured**, see the end of the table."
    empty = [NONE] * (len(_HEAD) - 2)
    lines = [
        *(trial.row() for trial in rows),
        *((name, f"not measured: `{command}`", *empty) for name, command in missing.items()),
    ]
    return f"{told}\n\n{table(_HEAD, lines)}"
