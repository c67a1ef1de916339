"""All faults, several times, with figures for docs/reliability.md:

    python -m tests.faults.run [--rounds N]

writes ``perf/results/faults.json``. Some 30 seconds a fault and round.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from limner.settings import PROJECT_ROOT
from perf.machine import describe_run
from tests.faults.catalogue import DISKS_FULL, FAULTS, Fault
from tests.faults.drill import Drill, drill
from tests.faults.full_disks import drill_full_disks
from tests.faults.load import TASKS, expected_results
from tests.faults.site import running_site

RESULTS = PROJECT_ROOT / "perf" / "results" / "faults.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="how often each fault is tried")
    rounds = parser.parse_args().rounds
    drills = []
    with tempfile.TemporaryDirectory() as folder, running_site(Path(folder)) as site:
        expected = expected_results(site)
        for fault in FAULTS * rounds:
            outcome = drill(site, fault, expected)
            drills.append(_told(outcome, fault))
        for number in range(rounds):
            disks = Path(folder) / f"disks-{number}"
            disks.mkdir()
            drills.append(_told(drill_full_disks(disks), DISKS_FULL))
    RESULTS.write_text(json.dumps({**describe_run(), "tasks": TASKS, "drills": drills}, indent=1) + "\n", "utf-8")


def _told(outcome: Drill, fault: Fault) -> dict[str, object]:
    assert not outcome.unexpected(fault), outcome
    print(f"{fault.name}: {outcome.tally} {outcome.recovery_seconds} s", flush=True)  # noqa: T201 - a program
    return outcome.figures()


if __name__ == "__main__":
    main()
