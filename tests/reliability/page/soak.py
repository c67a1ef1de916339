"""The long soak: ``soak.json``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from perf.cost.tables import number, table
from tests.reliability.page.figures import Figures, OddFigures
from tests.reliability.page.trials import Trial, counted

_LOOKED_AT = {
    "gateway_mib": "memory of the gateway, MiB",
    "triton_mib": "memory of Triton, MiB",
    "gateway_handles": "handles of the gateway",
    "triton_handles": "handles of Triton",
    "segments": "segments of shared memory",
    "tasks": "tasks at work or waiting",
    "held_bytes": "bytes of results that wait to be fetched",
}
_RIGHT = "right"
_FEWEST = 20
"""Looks, so that a tenth of them is more than one."""


def trials(figures: Figures) -> list[Trial]:
    outcomes = figures.counts("outcomes")

    def total(of: Callable[[str], bool]) -> int:
        return sum(count for outcome, count in outcomes.items() if outcome != _RIGHT and of(outcome))

    hangs, server_errors = total(_is_hang), total(_is_server_error)
    samples = _samples(figures)
    sent, ended = samples[-1].count("sent"), sum(outcomes.values())
    if ended > sent:
        raise OddFigures(f"{figures.where}outcomes are {ended}, of {sent} requests")
    # A warmed-up server is what the end is compared with.
    before, after = (sum(_middle(tenth, kind) for kind in ("gateway_mib", "triton_mib")) for tenth in _tenths(samples))
    return [
        Trial(
            f"soak of {figures.number('minutes'):g} minutes",
            f"{sent:,} requests",
            "tests/soak",
            crashes=figures.count("triton_restarts"),
            hangs=hangs,
            server_errors=server_errors,
            wrong=total(lambda _: True) - hangs - server_errors,
            lost=sent - ended,
            memory=(before, after),
        )
    ]


def section(figures: Figures) -> str:
    samples = _samples(figures)
    warm, last = _tenths(samples)
    lines = [
        (
            name,
            number(samples[0].number(kind)),
            number(_middle(warm, kind)),
            number(_middle(last, kind)),
            number(max(sample.number(kind) for sample in samples)),
            number(samples[-1].number(kind)),
        )
        for kind, name in _LOOKED_AT.items()
    ]
    head = ("what", "at the start", "after warm-up", "in the last tenth", "at most", "at the end")
    outcomes = figures.counts("outcomes")
    return (
        "\n## Soak\n\n"
        "Clients send small photos without a network, as fast as they are answered: at once, as tasks, as batches, "
        "given up at once, and broken ones. At the start and at the end nothing is at work. *After warm-up* is the "
        f"median of the looks in the second tenth of the time, beside that of the last tenth. {len(samples):,} looks; "
        "memory is the proportional set size, handles are open files and sockets. What leaks grows from the second "
        "tenth to the last.\n\n"
        + table(head, lines)
        + f"\n{samples[-1].count('sent'):,} requests: {counted(outcomes)}. "
        f"Restarts of Triton: {figures.count('triton_restarts')}.\n\n"
        "![Memory, handles and segments over time](reliability/soak.svg)\n"
    )


def _samples(figures: Figures) -> list[Figures]:
    samples = figures.rows("samples")
    if len(samples) < _FEWEST:
        raise OddFigures(f"{figures.where}samples are {len(samples)}, and fewer than {_FEWEST}: run a longer soak")
    return samples


def _tenths(samples: Sequence[Figures]) -> tuple[Sequence[Figures], Sequence[Figures]]:
    """The looks of the second tenth, and those of the last."""
    tenth = len(samples) // 10
    return samples[tenth : 2 * tenth], samples[-tenth:]


def _middle(samples: Sequence[Figures], kind: str) -> float:
    return median(sample.number(kind) for sample in samples)


def _is_hang(outcome: str) -> bool:
    """Named as httpx names what took too long: ``ReadTimeout``."""
    return outcome.endswith("Timeout")


def _is_server_error(outcome: str) -> bool:
    return outcome.startswith("HTTP 5")
