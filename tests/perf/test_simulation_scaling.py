"""The autoscaler, the search for the fewest replicas, and scenarios in little."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from perf.simulation import runs
from perf.simulation.arrivals import Arrival, poisson
from perf.simulation.autoscale import Autoscaler, Policy, Scaled, wanted
from perf.simulation.gateway import Places
from perf.simulation.model import Setup, Simulation
from perf.simulation.outcomes import Summary
from perf.simulation.replica import Server
from perf.simulation.scenarios import LOSSES, Burst, Scaling
from perf.simulation.service import NOTHING, Demand, Kind, Work
from perf.simulation.sizing import Fleet, fewest, is_met, size

POLICY = Policy(least=2, most=20, threshold=2.0)
SECOND = Demand("second", NOTHING, NOTHING, tiles=1, tile=Work(1.0))
MIX = [Kind(1, SECOND)]


@pytest.mark.parametrize(
    ("waiting", "replicas", "expected"),
    [
        (0.0, 5, 2),  # never below the least
        (10.1, 4, 6),  # rounded up
        (8.7, 4, 4),  # right by a tenth
        (7.3, 4, 4),
        (4.0, 4, 2),
        (1000.0, 4, 20),  # never above the most
    ],
)
def test_wanted_replicas(waiting: float, replicas: int, expected: int) -> None:
    assert wanted(waiting, replicas, POLICY) == expected


def test_steps_up_are_bounded_within_a_period() -> None:
    scaler = Autoscaler(POLICY, 3)
    decided = [scaler.decide(15.0 * number, 1000.0) for number in range(1, 10)]
    assert decided == [6, 6, 6, 6, 12, 12, 12, 12, 20]  # doubled each 60 s
    few = Autoscaler(replace(POLICY, up_factor=1.0, up_step=1), 3)
    assert [few.decide(30.0 * number, 1000.0) for number in range(1, 6)] == [4, 4, 5, 5, 6]


def test_a_lull_withdraws_nothing_before_the_cooldown_and_then_one_after_the_other() -> None:
    scaler = Autoscaler(replace(POLICY, cooldown=100.0, down_period=50.0), 4)
    assert scaler.decide(0.0, 8.0) == 4
    decided = {float(now): scaler.decide(now, 0.0) for now in range(10, 301, 10)}
    assert all(decided[now] == 4 for now in decided if now <= 100)
    assert [decided[now] for now in (110.0, 150.0, 160.0, 300.0)] == [3, 3, 2, 2]


def test_scaled_fleet_grows_with_waiting_calls_and_shrinks_without_losing_photos() -> None:
    policy = Policy(1, 6, threshold=1.0, start=(20.0, 30.0), cooldown=60.0, down_period=15.0)
    simulation = Simulation(Setup(Server(1), 1, 1, Places(at_work=40, waiting=1000)))
    scaled = Scaled(simulation, policy, until=900.0, seed=1)
    simulation.open_loop(poisson(MIX, 3.0, 200.0, 1))
    outcomes = simulation.run()
    assert {outcome.status for outcome in outcomes} == {"done"}
    running = [count for *_, count in scaled.history]
    paid = [count for _, count, _ in scaled.history]
    assert max(running) > 3
    assert running[-1] == len(simulation.replicas) == 1
    assert all(count <= wanted_ for wanted_, count in zip(paid, running, strict=True))
    first = next(moment for moment, _, count in scaled.history if count > 1)
    assert first >= policy.poll + policy.start[0]
    assert 900 / 3600 < scaled.replica_hours(900.0) < 6 * 900 / 3600


def test_queue_time_is_the_mean_number_of_calls_that_wait() -> None:
    """What the autoscaler sees, by Little's law: four calls of a second each on one core wait 0 + 1 + 2 + 3 seconds."""
    simulation = Simulation(Setup(Server(1, batches=(1, 1, 1)), 1, 1))
    simulation.open_loop([Arrival(0.0, SECOND)] * 4)
    simulation.run()
    assert simulation.queue_seconds() == pytest.approx(6.0)


@pytest.mark.parametrize("right", [1, 2, 3, 7, 50, 99, 100])
def test_fewest_is_found_with_few_trials(right: int) -> None:
    tried: list[int] = []

    def passes(count: int) -> bool:
        tried.append(count)
        return count >= right

    assert fewest(passes, 1, 100) == right
    assert len(tried) <= 30
    assert fewest(passes, 1, right - 1) is None if right > 1 else True


def test_size_is_proved_and_grows_with_the_photos() -> None:
    fleet = Fleet(Server(1), [Kind(1, SECOND, (0.9, 1.1))], 1)
    few, many = (size(fleet, count) for count in (2_000, 60_000))
    assert few["replicas"] < many["replicas"]
    assert many["replicas"] >= many["by_load"] == math.ceil(60_000 / 86_400 * 3 / 0.98)
    for found in (few, many):
        assert found["p95"]["max"] <= 3.0
    one_less = fleet.run(many["by_load"] - 1, 60_000 / 86_400 * 3, 1500, 1)
    assert not is_met(one_less)


def test_what_takes_too_long_alone_is_never_in_time() -> None:
    fleet = Fleet(Server(1), [Kind(1, replace(SECOND, tile=Work(4.2)))], 1)
    found = size(fleet, 1_000)
    assert found["replicas"] is None
    assert found["alone_p95"] == pytest.approx(4.2)


def test_goal_counts_refusals_and_failures() -> None:
    met = Summary(photos=1000, done=999, refused=1, failed=0, mean=1.0, p50=1.0, p95=3.0, per_second=1.0)
    assert is_met(met)
    assert not is_met(replace(met, refused=2))
    assert not is_met(replace(met, failed=1))
    assert not is_met(replace(met, p95=3.01))


def test_places_grow_with_the_fleet_and_are_never_below_the_default() -> None:
    fleet = Fleet(Server(4), MIX, 2)
    assert [fleet.setup(replicas).places.at_work for replicas in (1, 10, 40)] == [10, 10, 40]


BURST = Burst(usual=0.5, times=6.0, begin=60.0, end=180.0, until=400.0, server=Server(1), gateways=1)


def test_burst_in_little() -> None:
    few = runs.burst(MIX, Scaling("few", 1), BURST, seeds=(1, 2))
    enough = runs.burst(MIX, Scaling("enough", 6), BURST, seeds=(1, 2))
    policy = Policy(1, 6, threshold=1.0, start=(10.0, 20.0))
    scaled = runs.burst(MIX, Scaling("scaled", 1, policy), BURST, seeds=(1, 2))
    assert (
        few["burst"]["refused"]["mean"] > scaled["burst"]["refused"]["mean"] > 0 == enough["burst"]["refused"]["mean"]
    )
    hours = [row["replica_hours"]["mean"] for row in (few, scaled, enough)]
    assert hours[0] == pytest.approx(400 / 3600, rel=0.01)
    assert hours == sorted(hours)
    assert few["burst"]["photos"] == enough["burst"]["photos"]  # the same arrivals
    assert len(few["curve"]) == math.ceil(400 / 30)


def test_losses_in_little() -> None:
    plans = [replace(plan, rate=2.2, replicas=3, server=Server(1), until=500.0) for plan in LOSSES]
    rows = {plan.name: runs.loss(MIX, plan, seeds=(4, 5, 6)) for plan in plans}
    nothing, ends, _, not_again, silent, gateway = rows.values()
    assert nothing["after"]["failed"]["max"] == nothing["moved"]["max"] == ends["after"]["failed"]["max"] == 0
    assert ends["moved"]["max"] > 0 == not_again["moved"]["max"]
    assert not_again["after"]["failed"]["max"] > 0
    assert silent["longest"]["min"] > ends["longest"]["max"]
    assert gateway["after"]["failed"]["mean"] > 0 == gateway["moved"]["max"]
