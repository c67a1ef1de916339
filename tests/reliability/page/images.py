"""Hostile images and fuzzed parsers: ``fuzz.json``."""

from __future__ import annotations

import ast

from limner.settings import PROJECT_ROOT
from perf.cost.tables import mib, table
from perf.watch import MIB
from tests.fuzz.fuzzing import INPUT_SECONDS
from tests.fuzz.images import MEMORY_BYTES, SECONDS
from tests.fuzz.targets import TARGETS
from tests.reliability.page.figures import Figures, OddFigures
from tests.reliability.page.trials import NONE, Trial, counted, listed

_TESTS = "tests/fuzz"


def trials(figures: Figures) -> list[Trial]:
    images, served, parsers = figures.part("images"), figures.part("served"), _parsers(figures)
    found = [parser.text("found") for parser in parsers.values()]
    return [
        Trial(
            "hostile images, decoded",
            f"{images.count('tried'):,} images",
            _TESTS,
            crashes=len(images.texts("crashes")) + len(images.texts("faults")),
            hangs=len(images.texts("hangs")),
        ),
        Trial(
            "hostile images, by HTTP through Triton",
            f"{served.count('tried'):,} images",
            _TESTS,
            crashes=int(not served.flag("same_processes")),
            hangs=len(served.texts("hangs")),
            server_errors=len(served.texts("server_errors")),
            wrong=len(served.texts("wrong")),
            memory=(served.count("memory_before") / MIB, served.count("memory_after") / MIB),
        ),
        Trial(
            f"{len(parsers)} parsers, fuzzed",
            f"{sum(parser.count('executions') for parser in parsers.values()):,} inputs",
            _TESTS,
            crashes=sum(kind not in {"", "hang"} for kind in found),
            hangs=found.count("hang"),
        ),
    ]


def section(figures: Figures) -> str:
    return "\n## Hostile images\n" + _images(figures) + "\n## Fuzzed parsers\n" + _fuzzed(figures)


def _images(figures: Figures) -> str:
    images, served = figures.part("images"), figures.part("served")
    (seconds, slowest), (most, largest) = images.most("slowest"), images.most("largest")
    served_seconds, served_slowest = served.most("slowest")
    lines = [
        (
            "header and decoder alone",
            f"{images.count('tried'):,}",
            counted(images.counts("outcomes")),
            f"{seconds:g} s: `{slowest}`",
            f"{mib(most / MIB)}: `{largest}`",
        ),
        (
            "gateway and Triton",
            f"{served.count('tried'):,}",
            counted(served.counts("statuses")),
            f"{served_seconds:g} s: `{served_slowest}`",
            ", ".join(f"{mib(served.count(f'memory_{when}') / MIB)} {when}" for when in ("before", "most", "after")),
        ),
    ]
    head = ("through", "images", "what became of them", "longest", "memory, MiB")
    found = [text for name in ("crashes", "faults", "hangs") for text in images.texts(name)]
    found += [text for name in ("server_errors", "wrong", "hangs") for text in served.texts(name)]
    return (
        "\nJPEG, PNG and WebP with every segment or chunk cut, emptied, doubled, dropped, moved or lengthened; bombs, "
        "lying headers, harmful EXIF, XMP and colour profiles, two formats in one file. Each has to be decoded or "
        f"refused with an error of its own, in {SECONDS:g} seconds and with {MEMORY_BYTES / MIB:,.0f} MiB for one "
        "photo. A sample of them goes by HTTP through a gateway and Triton; after every ten a good photo has to come "
        "back whole. Memory of the decoder is beyond that of an idle process; that of gateway and Triton is what the "
        "processes have for themselves, and much of what was once needed stays with them.\n\n"
        + table(head, lines)
        + f"\nRefusals of the gateway: {counted(served.counts('types'))}.\n"
        + listed(found)
    )


def _fuzzed(figures: Figures) -> str:
    lines = [
        (
            f"`{name}`",
            _about(name),
            f"{parser.count('seconds'):,}",
            f"{parser.count('executions'):,}",
            f"{parser.count('coverage'):,}",
            f"**{parser.text('found')}**" if parser.text("found") else "nothing",
            f"{parser.count('memory_mb'):,}",
        )
        for name, parser in _parsers(figures).items()
    ]
    head = ("parser", "what is read", "seconds", "inputs tried", "places reached", "found", "MiB at most")
    return (
        "\nlibFuzzer (by atheris) makes inputs out of good ones and keeps those that reach new places of the code. An "
        f"exception that the code does not provide for, an input that takes {INPUT_SECONDS} seconds, or too much "
        "memory ends a run, and is found. Where few places are reached, the code has few branches that coverage can "
        "lead through, and inputs are little more than chance. Memory is the whole process with all libraries. What "
        "was once found is tried again with each run: `tests/fuzz/regressions`.\n\n" + table(head, lines)
    )


def _parsers(figures: Figures) -> dict[str, Figures]:
    measured = figures.parts("targets")
    for name in TARGETS:
        if name not in measured:
            raise OddFigures(f"{figures.where}targets.{name} is missing: run python -m tests.fuzz.run {name} first")
    return {name: measured[name] for name in TARGETS}


def _about(name: str) -> str:
    """The first sentence of the target's own docstring, without the layout of its inputs."""
    source = PROJECT_ROOT / "tests" / "fuzz" / "targets" / f"{name}.py"
    told = ast.get_docstring(ast.parse(source.read_text("utf-8"))) or NONE
    return told.partition(": ``")[0].partition(". ")[0].rstrip(".").replace("``", "`")
