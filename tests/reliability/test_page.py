"""``docs/reliability.md`` says what was measured, all of it, and above all what went wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tests.faults.catalogue import DISKS_FULL, FAULTS
from tests.faults.drill import Drill
from tests.faults.load import Tally
from tests.fuzz.targets import TARGETS
from tests.reliability.page import __main__ as program
from tests.reliability.page.figures import OddFigures
from tests.reliability.page.whole import PARTS, reliability_page
from tests.reliability.page_samples import drill, results
from tests.soak.soak import Sample

CLEAN = "No crash, no hang, no 5xx, no wrong result and no lost task was found."
PARSERS = f"{len(TARGETS)} parsers, fuzzed"
HARM = ("crashes", "hangs", "5xx", "wrong", "lost")

Results = dict[str, Any]


def rows(page: str, head: str) -> dict[str, dict[str, str]]:
    """The table whose first column is called ``head``: cells by column, by the first cell."""
    lines = page[page.index(f"| {head} |") :].split("\n\n", 1)[0].splitlines()
    columns, _, *others = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert all(len(cells) == len(columns) for cells in others)
    return {cells[0]: dict(zip(columns[1:], cells[1:], strict=True)) for cells in others}


def test_page_is_in_step() -> None:
    page = reliability_page(program.load())
    assert program.PAGE.read_text("utf-8") == page, "run python -m tests.reliability.page"


def test_faults_measured_are_those_of_the_catalogue() -> None:
    if measured := program.load().get("faults"):
        assert {each["fault"] for each in measured["drills"]} == {fault.name for fault in (*FAULTS, DISKS_FULL)}


def test_samples_are_what_programs_write() -> None:
    for sample, written in (
        (results()["faults"]["drills"][0], Drill),
        (results()["faults"]["drills"][0]["tally"], Tally),
        (results()["soak"]["samples"][0], Sample),
    ):
        assert set(sample) <= {field.name for field in fields(written)}


def test_a_clean_run_is_called_so() -> None:
    page = reliability_page(results())
    assert CLEAN in page
    assert "not measured" not in page
    trials = rows(page, "trial")
    assert all(trial[kind] in {"0", "–"} for trial in trials.values() for kind in HARM)
    assert trials[PARSERS]["tried"] == f"{len(TARGETS)},000 inputs"
    assert trials["hostile clients, at the gateway"]["memory before → after, MiB"] == "200 → 230", "of the worst attack"
    assert trials["faults while tasks run"]["faults injected"] == "4"
    assert trials["faults while tasks run"]["recovery at most, s"] == "12"
    assert trials["soak of 10 minutes"]["memory before → after, MiB"] == "610 → 610", "after warm-up"


def test_faults_are_summed_up() -> None:
    killed = rows(reliability_page(results()), "fault")["Triton killed"]
    assert killed == {
        "times": "2",
        "tasks": "20",
        "right": "13",
        "failed, and said why": "inference-unavailable: 7",
        "told to try again": "–",
        "forgotten": "0",
        "wrong": "0",
        "not ready meanwhile": "yes",
        "recovery, s: median, most": "10, 12",
        "Triton restarts": "2",
    }


def _break(*path: str | int, to: object) -> Callable[[Results], None]:
    def change(all_results: Results) -> None:
        *way, last = path
        place: Any = all_results
        for step in way:
            place = place[step]
        place[last] = to

    return change


ATTACK = ("hostile", "nginx", "attacks", "idle connections")
REPLACED = ("reliability", "replaced", "gateways")


@pytest.mark.parametrize(
    ("change", "trial", "kind", "count"),
    [
        (_break("fuzz", "images", "crashes", to=["png: -11"]), "hostile images, decoded", "crashes", 1),
        (_break("fuzz", "images", "faults", to=["png: KeyError"]), "hostile images, decoded", "crashes", 1),
        (_break("fuzz", "images", "hangs", to=["a", "b"]), "hostile images, decoded", "hangs", 2),
        (_break("fuzz", "served", "server_errors", to=["500"]), "hostile images, by HTTP through Triton", "5xx", 1),
        (_break("fuzz", "served", "wrong", to=["a"]), "hostile images, by HTTP through Triton", "wrong", 1),
        (_break("fuzz", "served", "same_processes", to=False), "hostile images, by HTTP through Triton", "crashes", 1),
        (_break("fuzz", "targets", "png", "found", to="exception"), PARSERS, "crashes", 1),
        (_break("fuzz", "targets", "png", "found", to="hang"), PARSERS, "hangs", 1),
        (_break(*ATTACK, "5xx", to=3), "hostile clients, through nginx", "5xx", 3),
        (_break(*ATTACK, "hangs", to=3), "hostile clients, through nginx", "hangs", 3),
        (_break(*ATTACK, "photos_of_others_lost", to=3), "hostile clients, through nginx", "lost", 3),
        (_break("faults", "drills", 1, to=drill("Redis slow", 1, wrong=2)), "faults while tasks run", "wrong", 2),
        (_break("faults", "drills", 1, to=drill("Redis slow", 1, forgotten=2)), "faults while tasks run", "lost", 2),
        (_break("faults", "drills", 1, "tally", "right", to=5), "faults while tasks run", "hangs", 4),
        (_break("soak", "outcomes", to={"right": 980, "ReadTimeout": 10}), "soak of 10 minutes", "hangs", 10),
        (_break("soak", "outcomes", to={"right": 980, "HTTP 500": 10}), "soak of 10 minutes", "5xx", 10),
        (_break("soak", "outcomes", to={"right": 980, "wrong size": 10}), "soak of 10 minutes", "wrong", 10),
        (_break("soak", "outcomes", to={"right": 980}), "soak of 10 minutes", "lost", 10),
        (_break("soak", "triton_restarts", to=1), "soak of 10 minutes", "crashes", 1),
        (
            _break("reliability", "no_cross_talk", "one gateway", "wrong", to=["a.png, task: other image"]),
            "tasks of a crowd, each compared",
            "wrong",
            1,
        ),
        (_break("reliability", "determinism", "once more", "different", to=1), "the same photo once more", "wrong", 1),
        (_break(*REPLACED, "lost_or_wrong", to=["a.png: other image"]), "gateways replaced under load", "wrong", 1),
        (_break(*REPLACED, "lost_or_wrong", to=["a.png: failed, x"]), "gateways replaced under load", "lost", 1),
        (_break(*REPLACED, "right", to=44), "gateways replaced under load", "lost", 1),
    ],
)
def test_harm_is_told_at_the_top(change: Callable[[Results], None], trial: str, kind: str, count: int) -> None:
    harmed = results()
    change(harmed)
    page = reliability_page(harmed)
    assert CLEAN not in page
    assert f"**Found:** {trial}: {count} " in page
    found = rows(page, "trial")[trial]
    assert found[kind] == f"**{count}**"
    assert [found[other] for other in HARM if other != kind and found[other] not in {"0", "–"}] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_break("fuzz", "images", to={}), "fuzz.json: images.tried is missing"),
        (_break("fuzz", "targets", to={"png": {}}), "fuzz.json: targets.answers is missing: run python -m tests.fuzz."),
        (_break("hostile", to={}), "hostile.json: gateway is missing"),
        (
            _break(*ATTACK, "hangs", to=None),
            "hostile.json: nginx.attacks.idle connections.hangs is 'None', and not a c",
        ),
        (_break(*ATTACK, "statuses", to={"200": -1}), "statuses is"),
        (_break("faults", "drills", to=[]), "faults.json: drills is '[]', and not"),
        (
            _break("faults", "drills", 1, "was_unready", to="yes"),
            "faults.json: drills[1].was_unready is 'yes', and not",
        ),
        (_break("faults", "drills", 1, "recovery_seconds", to=True), "drills[1].recovery_seconds is 'True', and not"),
        (_break("faults", "drills", 1, "tally", "right", to=12), "counts 13 tasks, and there were 10"),
        (_break("soak", "samples", 5, "segments", to="8"), "soak.json: samples[5].segments is '8', and not a number"),
        (_break("soak", "samples", to=results()["soak"]["samples"][:5]), "run a longer soak"),
        (_break("soak", "outcomes", "right", to=2000), "outcomes are 2000, of 990 requests"),
        (_break("reliability", "replaced", "tritons", to=[]), "reliability.json: replaced.tritons is '[]', and not"),
    ],
)
def test_odd_figures_are_named(change: Callable[[Results], None], message: str) -> None:
    odd = results()
    change(odd)
    with pytest.raises(OddFigures, match=re.escape(message)):
        reliability_page(odd)


@pytest.mark.parametrize("name", PARTS)
def test_what_was_not_measured_is_said(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for other, content in results().items():
        if other != name:
            (tmp_path / f"{other}.json").write_text(json.dumps(content))
    page = tmp_path / "page.md"
    assert program.main(tmp_path, page) == 1
    _, what, command = PARTS[name]
    assert capsys.readouterr().err == f"{name}.json is missing, and its section with it: run {command} first\n"
    assert "**Not all was measured**" in page.read_text("utf-8")
    assert rows(page.read_text("utf-8"), "trial")[what]["tried"] == f"not measured: `{command}`"


def test_all_measured_ends_well(tmp_path: Path) -> None:
    for name, content in results().items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert program.main(tmp_path, tmp_path / "page.md") == 0


def test_a_page_stays_where_a_file_is_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "soak.json").write_text("{")
    page = tmp_path / "page.md"
    page.write_text("as it was")
    assert program.main(tmp_path, page) == 1
    assert "soak.json is not JSON" in capsys.readouterr().err
    assert page.read_text() == "as it was"
