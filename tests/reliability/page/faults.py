"""Faults while ten tasks run: ``faults.json``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from limner.settings import Settings
from perf.cost.tables import number, table
from tests.faults.site import CANARY_SECONDS
from tests.reliability.page.figures import Figures, OddFigures
from tests.reliability.page.trials import Trial, counted, harmful


def trials(figures: Figures) -> list[Trial]:
    drills = figures.rows("drills")
    tallies = [drill.part("tally") for drill in drills]
    return [
        Trial(
            "faults while tasks run",
            f"{len(drills) * figures.count('tasks'):,} tasks",
            "tests/faults",
            injected=len(drills),
            hangs=sum(_without_end(tally, figures.count("tasks")) for tally in tallies),
            wrong=sum(tally.count("wrong") for tally in tallies),
            lost=sum(tally.count("forgotten") for tally in tallies),
            recovery=max(drill.number("recovery_seconds") for drill in drills),
        )
    ]


def section(figures: Figures) -> str:
    by_fault: dict[str, list[Figures]] = {}
    for drill in figures.rows("drills"):
        by_fault.setdefault(drill.text("fault"), []).append(drill)
    head = (
        *("fault", "times", "tasks", "right", "failed, and said why", "told to try again", "forgotten", "wrong"),
        *("not ready meanwhile", "recovery, s: median, most", "Triton restarts"),
    )
    lines = [_row(fault, drills, figures.count("tasks")) for fault, drills in by_fault.items()]
    return (
        "\n## Faults\n\n"
        f"Two gateways behind one Redis, and one embedded Triton. {figures.count('tasks')} tasks are handed in, each "
        "with a photo of its own; once the first is done, something is broken. Every task has to end, and each "
        "result is compared with that of its own photo alone. **Right**: such a result. **Failed**: a state or answer "
        "that names the error's type. **Told to try again**: not accepted. **Forgotten**: accepted, and unknown later "
        "(404), as everything that a Redis held which comes back empty; in the table at the top these are *lost*. "
        "**Not ready**: whether a gateway's `/readyz` said so. **Recovery** ends when both gateways are ready and give "
        "right results with a network and without. It begins when the cause is gone, or with the fault where Limner "
        "has to mend it: a killed process has no end. A killed gateway is started again at once, as Compose or "
        "Kubernetes would; nobody else lends a hand."
        "\n\n"
        f"A canary comes every {CANARY_SECONDS:g} s here. With the default of `LIMNER_CANARY_INTERVAL`, "
        f"{Settings.model_fields['canary_interval'].default:g} s, what only a canary notices is noticed later.\n\n"
        + table(head, lines)
    )


def _row(fault: str, drills: Sequence[Figures], tasks: int) -> tuple[str, ...]:
    tallies = [drill.part("tally") for drill in drills]
    failures, refused = (
        sum((Counter(tally.counts(kind)) for tally in tallies), Counter[str]()) for kind in ("failures", "refused")
    )
    unready = sum(drill.flag("was_unready") for drill in drills)
    seconds = [drill.number("recovery_seconds") for drill in drills]
    return (
        fault,
        str(len(drills)),
        str(len(drills) * tasks),
        str(sum(tally.count("right") for tally in tallies)),
        counted(failures),
        counted(refused),
        harmful(sum(tally.count("forgotten") for tally in tallies)),
        harmful(sum(tally.count("wrong") for tally in tallies)),
        {0: "no", len(drills): "yes"}.get(unready, f"{unready} of {len(drills)} times"),
        f"{number(median(seconds))}, {number(max(seconds))}",
        str(sum(drill.count("triton_restarts") for drill in drills)),
    )


def _without_end(tally: Figures, tasks: int) -> int:
    """Tasks of a drill that neither ended nor were refused."""
    ended = sum(tally.count(how) for how in ("right", "wrong", "forgotten"))
    ended += sum(sum(tally.counts(how).values()) for how in ("refused", "failures"))
    if ended > tasks:
        raise OddFigures(f"{tally.where} counts {ended} tasks, and there were {tasks}")
    return tasks - ended
