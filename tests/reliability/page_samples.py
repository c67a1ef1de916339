"""Result files as the trials write them, small and all well, for the test of the page."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, cast

from tests.fuzz import images, served
from tests.fuzz.fuzzing import Outcome
from tests.fuzz.targets import TARGETS
from tests.hostile.books import Books, Peak
from tests.hostile.ordinary import Ordinary
from tests.hostile.siege import Siege
from tests.hostile.tally import Tally

MACHINE = {"cpu": "A CPU", "cores": 2, "instructions": ["avx2"], "memory_gib": 8.0, "python": "3.11.7", "commit": "abc"}
MEASURED = {"date": "2026-11-28", "machine": MACHINE}
TASKS = 10
LOOKS = 100


def results() -> dict[str, Any]:
    """All of them, by their names."""
    made = {"fuzz": _fuzz(), "hostile": _hostile(), "faults": _faults(), "soak": _soak(), "reliability": _reliability()}
    return cast("dict[str, Any]", json.loads(json.dumps(made)))


def _fuzz() -> dict[str, object]:
    corpus = images.Figures(1000, 5000, Counter(decoded=600, **{"damaged-image": 400}), slowest=(1.5, "png: a bomb"))
    sent = served.Figures(
        200,
        Counter({200: 150, 422: 50}),
        Counter({"damaged-image": 50}),
        memory_before=100 << 20,
        memory_after=110 << 20,
    )
    return {
        "images": MEASURED | corpus.to_json(),
        "served": MEASURED | {"seed": 1, "same_processes": True, **sent.to_json()},
        "targets": {name: MEASURED | {"seconds": 5, **Outcome(name, "", 1000, 50).to_json()} for name in TARGETS},
    }


def _hostile() -> dict[str, object]:
    attacks = {name: _attack(grown) for name, grown in (("idle connections", 1), ("flood of one client", 30))}
    return {door: MEASURED | {"attacks": attacks} for door in ("gateway", "nginx")}


def _attack(grown: int) -> dict[str, object]:
    """Of 1,000 connections, after which ``grown`` MiB stay."""

    def books(mib: int) -> Books:
        return Books(20, 0, 0, 0, 0, 0, 0, mib << 20)

    customer: Any = Ordinary(cast("Any", None), b"", through=9)
    tally = Tally(1000, 2000, Counter({404: 1500, 503: 100}), cut=400)
    siege = Siege(cast("Any", None), books(200), customer, Peak(250 << 20), tally, books(200 + grown), meanwhile=7)
    return siege.figures()


def drill(fault: str, seconds: float, *, unready: bool = False, **tally: Any) -> dict[str, Any]:
    """One of ten tasks; those that ``tally`` does not name are right."""
    told: dict[str, Any] = {"wrong": 0, "forgotten": 0, "refused": {}, "failures": {}} | tally
    others = sum(sum(each.values()) if isinstance(each, dict) else each for each in told.values())
    return {
        "fault": fault,
        "tally": {"right": TASKS - others, **told},
        "was_unready": unready,
        "recovery_seconds": seconds,
        "triton_restarts": int(unready),
    }


def _faults() -> dict[str, object]:
    drills = [
        drill("Triton killed", 8.0, unready=True, failures={"inference-unavailable": 3}),
        drill("Redis slow", 0.5, refused={"state-unavailable": 1}),
        drill("Triton killed", 12.0, unready=True, failures={"inference-unavailable": 4}),
        drill("Redis slow", 0.25),
    ]
    return MEASURED | {"tasks": TASKS, "drills": drills}


def _soak() -> dict[str, object]:
    """Memory of the gateway grows by 1 MiB a look until the tenth; there are 10 requests between two looks."""
    samples = [
        {
            "seconds": 6.0 * look,
            "sent": 10 * look,
            "gateway_mib": 100.0 + min(look, 10),
            "triton_mib": 500.0,
            "gateway_handles": 30,
            "triton_handles": 90,
            "segments": 8,
            "tasks": 0.0 if look in {0, LOOKS - 1} else 4.0,
            "held_bytes": 0.0,
        }
        for look in range(LOOKS)
    ]
    outcomes = {"right": 10 * (LOOKS - 1)}
    return MEASURED | {"minutes": 10.0, "outcomes": outcomes, "triton_restarts": 0, "samples": samples}


def _reliability() -> dict[str, object]:
    crowd: dict[str, object] = {"tasks": 4, "ways": {"task": 3, "batch": 1}, "results_compared": 6, "wrong": []}
    replaced: dict[str, object] = {"replaced": 2, "tried": 50, "accepted": 45, "right": 45, "lost_or_wrong": []}
    replaced["told_to_try_again"] = {"shutting-down": 5}
    return MEASURED | {
        "photos": 26,
        "no_cross_talk": {"one gateway": crowd, "two gateways": crowd},
        "determinism": {"once more": {"compared": 26, "different": 0}},
        "replaced": {"gateways": replaced, "tritons": replaced},
    }
