"""The whole page: figures in, Markdown out."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from tests.reliability.page import clients, crowds, faults, images, measured, soak
from tests.reliability.page.figures import Figures
from tests.reliability.page.trials import summary

PARTS: dict[str, tuple[ModuleType, str, str]] = {
    "fuzz": (images, "hostile images, fuzzed parsers", "python -m tests.fuzz.run all --minutes 60"),
    "hostile": (clients, "hostile clients", "python -m tests.hostile.run"),
    "faults": (faults, "faults while tasks run", "python -m tests.faults.run"),
    "soak": (soak, "soak", "make soak"),
    "reliability": (crowds, "cross-talk, determinism, upgrade", "python -m tests.reliability.run"),
}
"""By the name of the result file: the part of the page, what it tries, and what measures it."""

_INTRO = """\
# Reliability

What was done to break Limner, and what came of it. Every figure was measured, by a program that anyone can run; \
`python -m tests.reliability.page` makes this page from `perf/results`. `make test` has short forms of all trials.

"""

_NOTES = """
- **tried**: images, inputs, requests, tasks or photos, as it says.
- **crashes**: processes that ended by themselves, errors that the code does not provide for, and in fuzzing too much \
memory. **hangs**: over the \
time limit. **5xx**: but for a 503 that says when to come again. **wrong**: another result than the photo's own, or an \
answer that it should not have had. **lost**: accepted, and then neither a result nor an error.
- **recovery**: until everything serves again, the longest of all.
- **memory**: of gateway and Triton together; of hostile clients the gateway's alone, and the attack after which most \
stayed; of the soak the medians after warm-up and in its last tenth.
- A dash: the trial does not ask that.
"""

_LIMITS = """
## What these figures do not say

- They are of one machine with two cores, which did other work besides. Seconds differ on others.
- Triton was the embedded one, with the CPU profile: no GPU, no Docker, no cluster, no load balancer of a cloud; nginx \
and Redis were real, on the same machine.
- The network was loopback: nothing was lost on it. A fault that is not in the table was not tried.
- Faults are tried a few times each, at one moment of the work. Rare races may not have been met.
- Faults and the soak send photos whose faces are not restored.
- Fuzzing finds faults and proves no absence. It went for minutes a parser, not for weeks. Memory errors in native \
libraries show only where they end a process: none was built with a sanitizer.
- The trials of hostile clients, of faults and of replacements stop at the first harm that they are made to find, and \
then write no figures: their zeros say that a whole run went through, not that no run ever failed.
"""

_RUN = """
## Run it yourself

`make test` first, which makes the environment. The rest takes hours, most of it the fuzzer's and the soak's:

    make test
    .venv/bin/python -m tests.fuzz.run all --minutes 60
    .venv/bin/python -m tests.hostile.run
    .venv/bin/python -m tests.faults.run
    make soak
    .venv/bin/python -m tests.reliability.run
    .venv/bin/python -m tests.reliability.page

Only the short forms: `.venv/bin/python -m pytest tests/fuzz tests/hostile tests/faults tests/soak tests/reliability`.
"""


def reliability_page(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of the page. ``results``: contents of the result files by their names, without ``.json``.

    Raises:
        OddFigures: something in them is missing or odd.
    """
    found = {name: Figures(results[name], f"{name}.json: ") for name in PARTS if name in results}
    rows = [trial for name, figures in found.items() for trial in PARTS[name][0].trials(figures)]
    missing = {what: command for name, (_, what, command) in PARTS.items() if name not in results}
    sections = [PARTS[name][0].section(figures) for name, figures in found.items()]
    return _INTRO + summary(rows, missing) + _NOTES + "".join(sections) + measured.section(found) + _LIMITS + _RUN
