"""Each fault while ten tasks run: every task ends, results are right, readiness tells, and service comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.catalogue import DISKS_FULL, FAULTS, Fault
from tests.faults.drill import drill
from tests.faults.full_disks import drill_full_disks, may_mount
from tests.faults.load import TASKS, Pixels, alike, expected_results
from tests.faults.site import Site, running_site, until

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def site(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    del models_dir
    with running_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="module")
def expected(site: Site) -> list[Pixels]:
    return expected_results(site)


def test_photos_are_told_apart(expected: list[Pixels]) -> None:
    assert all(alike(one, one) for one in expected)
    assert not any(alike(one, other) for one in expected for other in expected if one is not other)
    square = expected[0][:64, :64]
    assert not any(alike(square, other[:64, :64]) for other in expected[1:]), "by more than their size"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_fault(site: Site, expected: list[Pixels], fault: Fault) -> None:
    outcome = drill(site, fault, expected)
    assert json.loads(json.dumps(outcome.figures()))["tally"]["failures"] == outcome.tally.failures
    assert outcome.tally.wrong == 0
    assert not outcome.unexpected(fault), outcome
    if fault.unready:
        assert outcome.was_unready


def test_full_disks(models_dir: Path, tmp_path: Path) -> None:
    if not may_mount():
        pytest.skip("this user may not mount file systems, not even in a namespace")
    outcome = drill_full_disks(tmp_path)
    assert outcome.tally.wrong == 0
    assert not outcome.unexpected(DISKS_FULL), outcome


def test_nothing_is_left_of_all_that(site: Site) -> None:
    """Tasks that nobody works on any more, or places that nobody gives back."""
    for gateway in site.gateways:
        for name in ("active_tasks", "queued_tasks"):
            until(lambda gateway=gateway, name=name: gateway.gauge(name) == 0, name)  # type: ignore[misc]


def test_without_a_fault_all_ten_are_right(site: Site, expected: list[Pixels]) -> None:
    outcome = drill(site, Fault("none", lambda _: lambda: None), expected)
    assert outcome.tally.right == TASKS
    assert outcome.triton_restarts == 0
