"""Hostile clients: ``hostile.json``."""

from __future__ import annotations

from perf.cost.tables import mib, table
from perf.watch import MIB
from tests.reliability.page.figures import Figures
from tests.reliability.page.trials import Trial, counted, harmful

_DOORS = {"gateway": "at the gateway", "nginx": "through nginx"}
_HARM = ("crashes", "hangs", "5xx", "photos_of_others_lost")


def trials(figures: Figures) -> list[Trial]:
    return [_trial(door, figures) for door in _DOORS]


def _trial(door: str, figures: Figures) -> Trial:
    attacks = list(_attacks(door, figures).values())

    def total(name: str) -> int:
        return sum(attack.count(name) for attack in attacks)

    memories = [_memory(attack) for attack in attacks]
    before, _, after = max(memories, key=lambda memory: memory[2] - memory[0])
    return Trial(
        f"hostile clients, {_DOORS[door]}",
        f"{total('requests'):,} requests, {total('connections'):,} connections",
        "tests/hostile",
        crashes=total("crashes"),
        hangs=total("hangs"),
        server_errors=total("5xx"),
        lost=total("photos_of_others_lost"),
        memory=(before, after),
    )


def section(figures: Figures) -> str:
    head = (
        *("attack", "connections", "requests", "answers by status", "closed unanswered", "photos of others meanwhile"),
        *("memory before, most, after, MiB", "handles before, after", "harm"),
    )
    tables = [
        f"\n### {_DOORS[door].capitalize()}\n\n"
        + table(head, [_row(name, attack) for name, attack in _attacks(door, figures).items()])
        for door in _DOORS
    ]
    return (
        "\n## Hostile clients\n\n"
        "Each attack runs against a real gateway with the real Triton behind it, once at the gateway itself and "
        "once through the real nginx with our configuration. All the while an ordinary client sends photos, and "
        "each has to come back right, if need be at another try. Afterwards the gateway must hold no more "
        "connections, files, places, tasks, results or processes than before. **Harm** adds up crashes, hangs, 5xx "
        "and lost photos of the ordinary client. A 503 that says when to come again is a refusal, and no 5xx here. "
        "Memory is that of the gateway: what is freed stays with the process for a while. Floods meet a gateway of "
        "their own, with a quota.\n" + "".join(tables)
    )


def _row(name: str, attack: Figures) -> tuple[str, ...]:
    handles = attack.part("handles")
    return (
        name,
        f"{attack.count('connections'):,}",
        f"{attack.count('requests'):,}",
        counted(attack.counts("statuses")),
        f"{attack.count('closed_unanswered'):,}",
        f"{attack.count('photos_of_others_meanwhile'):,}",
        ", ".join(map(mib, _memory(attack))),
        f"{handles.count('before'):,}, {handles.count('after'):,}",
        harmful(sum(attack.count(kind) for kind in _HARM)),
    )


def _attacks(door: str, figures: Figures) -> dict[str, Figures]:
    return figures.part(door).parts("attacks")


def _memory(attack: Figures) -> tuple[float, float, float]:
    """MiB before, at most, after."""
    megabytes = attack.part("rss_mb")
    before, peak, after = (megabytes.number(when) * 1e6 / MIB for when in ("before", "peak", "after"))
    return before, peak, after
