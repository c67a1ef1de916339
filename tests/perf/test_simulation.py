"""The discrete-event model: against queueing theory where it has closed forms, and what must hold whatever it plays."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections.abc import Callable, Iterator

import pytest

from perf.simulation.arrivals import DAILY_CURVE, Arrival, burst_rate, by_rate, daily_rate, peak_rate, photos, poisson
from perf.simulation.gateway import Outcome, Places
from perf.simulation.model import Setup, Simulation, simulate
from perf.simulation.outcomes import summary
from perf.simulation.replica import Discipline, Server
from perf.simulation.service import NOTHING, Demand, Kind, Work, serial_share, width

SEEDS = range(10)
ANY_NUMBER = 10**6
DEVIATIONS = 4.0
"""Of the mean over seeds: one run in some ten thousand is further off by chance, and seeds are fixed."""


def plain(seconds: float) -> Demand:
    return Demand("plain", Work(seconds), NOTHING)


PORTRAIT = Demand("portrait", Work(0.1), Work(0.1), 2, Work(0.5, 1.8), Work(0.6, 1.8), 5, Work(0.4, 1.8))


def stream(rate: float, count: int, seed: int, service: Callable[[random.Random], float]) -> Iterator[Arrival]:
    chance, now = random.Random(seed), 0.0
    for _ in range(count):
        now += chance.expovariate(rate)
        yield Arrival(now, plain(service(chance)))


def mean_seconds(setup: Setup, rate: float, service: Callable[[random.Random], float]) -> tuple[float, float]:
    """Mean sojourn over the seeds, and its standard error."""
    means = []
    for seed in SEEDS:
        outcomes = simulate(setup, stream(rate, 4000, seed, service), seed)[400:]
        means.append(statistics.fmean(outcome.seconds for outcome in outcomes))
    return statistics.fmean(means), statistics.stdev(means) / math.sqrt(len(means))


def one(discipline: Discipline) -> Setup:
    return Setup(Server(1, discipline=discipline), places=Places(at_work=ANY_NUMBER, waiting=0))


def exponential(chance: random.Random) -> float:
    return chance.expovariate(1.0)


def two_kinds(chance: random.Random) -> float:
    """Mean 1, and a variance for which first come, first served would be far from sharing."""
    return 0.2 if chance.random() < 0.8 else 4.2


def erlang_wait(load: float, servers: int) -> float:
    """Mean wait of M/M/c with mean service 1, by Erlang's C; ``load`` in servers."""
    terms = sum(load**k / math.factorial(k) for k in range(servers))
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (terms + last) / (servers - load)


@pytest.mark.parametrize(
    ("setup", "rate", "service", "expected"),
    [
        pytest.param(one("photo by photo"), 0.6, exponential, 1 / (1 - 0.6), id="M/M/1"),
        pytest.param(one("photo by photo"), 0.6, lambda _: 1.0, 1 + 0.6 / (2 * 0.4), id="M/D/1"),
        pytest.param(one("shared"), 0.6, exponential, 1 / (1 - 0.6), id="M/M/1-PS"),
        pytest.param(one("shared"), 0.6, two_kinds, 1 / (1 - 0.6), id="M/G/1-PS"),
        pytest.param(
            Setup(Server(1), replicas=3, places=Places(at_work=3, waiting=ANY_NUMBER)),
            2.1,
            exponential,
            1 + erlang_wait(2.1, 3),
            id="M/M/3",
        ),
        pytest.param(
            Setup(Server(4, discipline="shared"), places=Places(at_work=ANY_NUMBER, waiting=0)),
            2.8,
            exponential,
            1 + erlang_wait(2.8, 4),
            id="M/M/4 by cores",
        ),
    ],
)
def test_mean_sojourn_is_that_of_queueing_theory(
    setup: Setup, rate: float, service: Callable[[random.Random], float], expected: float
) -> None:
    mean, error = mean_seconds(setup, rate, service)
    assert abs(mean - expected) < DEVIATIONS * error
    assert error < 0.1 * expected


def test_waits_by_littles_law() -> None:
    """Photos inside, on average over time, are the rate times their mean stay."""
    simulation = Simulation(Setup(Server(2), replicas=2, gateways=2), seed=3)
    simulation.open_loop(photos([Kind(1, PORTRAIT)], 0.8, 1500, 3))
    inside: list[int] = []

    def look() -> Iterator[object]:
        while simulation.env.now < 1500:
            yield simulation.env.timeout(0.5)
            inside.append(sum(gateway.inside for gateway in simulation.gateways))

    simulation.env.process(look())  # type: ignore[arg-type]
    outcomes = [one for one in simulation.run() if one.status == "done" and one.arrived < 1500]
    rate = len(outcomes) / 1500
    expected = rate * statistics.fmean(outcome.seconds for outcome in outcomes)
    assert statistics.fmean(inside) == pytest.approx(expected, rel=0.03)


def test_photo_alone_takes_what_its_parts_take() -> None:
    """Before and after on one core; faces two by two behind each other, tiles one by one, on two cores together."""
    (outcome,) = simulate(Setup(Server(2)), [Arrival(1.0, plain(2.5))])
    assert outcome.seconds == pytest.approx(2.5)
    tile = Demand("tile", Work(0.5), Work(0.25), tiles=3, tile=Work(1.8, 1.8))
    (outcome,) = simulate(Setup(Server(2)), [Arrival(0.0, tile)])
    assert outcome.seconds == pytest.approx(0.5 + 3 * 1.0 + 0.25)
    side_by_side = Demand("both", NOTHING, NOTHING, 1, Work(2.0, 2.0), NOTHING, 1, Work(1.0, 2.0))
    (outcome,) = simulate(Setup(Server(2)), [Arrival(0.0, side_by_side)])
    assert outcome.seconds == pytest.approx((2.0 + 1.0) / 2)  # both together keep two cores busy
    (outcome,) = simulate(Setup(Server(1, gpu=True)), [Arrival(0.0, side_by_side)])
    assert outcome.seconds == pytest.approx(3.0)  # one GPU


def test_photos_that_come_at_once_end_in_pairs_where_tiles_are_batched() -> None:
    demand = Demand("tile", NOTHING, NOTHING, tiles=1, tile=Work(2.0, 2.0))
    setup = Setup(Server(2), places=Places(at_work=10))
    ends = [outcome.ended for outcome in simulate(setup, [Arrival(0.0, demand)] * 6)]
    assert ends == pytest.approx([1, 3, 3, 5, 5, 6])
    other = Demand("other shape", NOTHING, NOTHING, tiles=1, tile=Work(2.0, 2.0))
    mixed = [Arrival(0.0, each) for each in (demand, other, demand, other)]
    assert [outcome.ended for outcome in simulate(setup, mixed)] == pytest.approx([1, 2, 3, 4])
    shared = Setup(Server(2, discipline="shared"), places=Places(at_work=10))
    assert [outcome.ended for outcome in simulate(shared, [Arrival(0.0, demand)] * 3)] == pytest.approx([3, 3, 3])


def test_refusals_begin_where_all_places_are_taken() -> None:
    setup = Setup(Server(1), places=Places(at_work=2, waiting=3))
    outcomes = simulate(setup, [Arrival(0.0, plain(1.0))] * 9 + [Arrival(100.0, plain(1.0))])
    assert [outcome.status for outcome in outcomes] == ["done"] * 5 + ["refused"] * 4 + ["done"]
    assert [outcome.began for outcome in outcomes[:2]] == [0.0, 0.0]
    assert sorted(outcome.ended for outcome in outcomes[:5]) == pytest.approx([2, 2, 4, 4, 5])
    assert summary(outcomes).refused == 4


@pytest.mark.parametrize("discipline", ["in turn", "shared", "photo by photo"])
@pytest.mark.parametrize("tries", [1, 2])
def test_every_photo_ends_once_whatever_dies(discipline: Discipline, tries: int) -> None:
    """Replicas and a gateway die under load, one of them silently; nothing is forgotten, done twice or left over."""
    setup = Setup(Server(2, discipline=discipline), 4, 3, Places(at_work=5, waiting=5, tries=tries))
    simulation = Simulation(setup, seed=5)
    sent = list(photos([Kind(1, PORTRAIT)], 1.6, 400, 5))
    simulation.open_loop(sent)
    first, second, *_ = simulation.replicas
    simulation.at(40, lambda: simulation.kill(first))
    simulation.at(45, lambda: simulation.kill(second, silence=20))
    simulation.at(50, simulation.gateways[0].die)
    simulation.at(90, simulation.add_replica)
    simulation.at(100, lambda: simulation.withdraw(simulation.replicas[0]))
    outcomes = simulation.run()
    assert [outcome.arrived for outcome in outcomes] == pytest.approx([arrival.time for arrival in sent])
    counted = summary(outcomes)
    assert counted.done + counted.refused + counted.failed == 400
    assert all(replica.at_work == 0 for replica in simulation.started)
    assert all(gateway.inside == 0 for gateway in simulation.gateways)
    for outcome in outcomes:
        assert outcome.ended >= outcome.arrived
        assert outcome.attempts <= tries
        assert outcome.status != "done" or outcome.seconds >= 0.2
    assert any(outcome.attempts == 2 for outcome in outcomes) == (tries == 2)
    assert counted.failed > 0


def died_under(tries: int) -> list[Outcome]:
    simulation = Simulation(Setup(Server(1), 2, 1, Places(tries=tries)))
    simulation.open_loop([Arrival(0.0, plain(10.0))])
    simulation.at(4.0, lambda: simulation.kill(next(each for each in simulation.replicas if each.at_work)))
    return simulation.run()


def test_photo_of_a_dead_replica_is_begun_anew_by_another_or_lost() -> None:
    (again,), (lost,) = died_under(tries=2), died_under(tries=1)
    assert (again.status, again.attempts) == ("done", 2)
    assert again.ended == pytest.approx(14.0)
    assert (lost.status, lost.attempts) == ("failed", 1)
    assert lost.ended == pytest.approx(4.0)


def test_no_replica_left_fails_photos_instead_of_keeping_them() -> None:
    simulation = Simulation(Setup(Server(1), 1))
    simulation.open_loop([Arrival(0.0, plain(10.0)), Arrival(5.0, plain(1.0))])
    simulation.at(4.0, lambda: simulation.kill(simulation.replicas[0]))
    assert [outcome.status for outcome in simulation.run()] == ["failed", "failed"]


def test_gateway_gives_photos_to_the_replica_with_the_fewest_of_its_own() -> None:
    simulation = Simulation(Setup(Server(1), 3, 1))
    simulation.open_loop([Arrival(0.0, plain(50.0))] + [Arrival(1.0 + n, plain(0.5)) for n in range(8)])
    outcomes = simulation.run()
    assert [outcome.seconds for outcome in outcomes[1:]] == pytest.approx([0.5] * 8)  # never behind the long one


def test_same_seed_same_outcomes() -> None:
    setup = Setup(Server(2), 3, 2)
    mix = [Kind(2, PORTRAIT, (0.8, 1.0, 1.3)), Kind(1, plain(0.3))]
    first, again, other = (
        [(outcome.arrived, outcome.ended, outcome.kind) for outcome in simulate(setup, photos(mix, 1.0, 300, seed), 9)]
        for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_no_core_is_used_twice_and_no_work_is_lost() -> None:
    simulation = Simulation(Setup(Server(4), 2, 2, Places(at_work=10, waiting=ANY_NUMBER)))
    simulation.open_loop(photos([Kind(1, PORTRAIT)], 2.0, 300, 1))
    outcomes = simulation.run()
    assert simulation.used_core_seconds() == pytest.approx(300 * PORTRAIT.core_seconds)
    assert simulation.used_core_seconds() <= 2 * 4 * max(outcome.ended for outcome in outcomes)


def test_arrivals_are_poisson_by_the_curve_and_the_shares() -> None:
    mix = [Kind(3, plain(1.0)), Kind(1, PORTRAIT)]
    came = list(poisson(mix, 5.0, 2000, 1))
    gaps = [after.time - before.time for before, after in itertools.pairwise(came)]
    assert statistics.fmean(gaps) == pytest.approx(1 / 5, rel=0.05)
    assert statistics.stdev(gaps) == pytest.approx(1 / 5, rel=0.05)
    assert sum(arrival.demand.kind == "plain" for arrival in came) / len(came) == pytest.approx(0.75, abs=0.02)
    assert sum(DAILY_CURVE) == pytest.approx(24)
    assert max(map(daily_rate(86_400), range(0, 86_400, 600))) == pytest.approx(peak_rate(86_400)) == 3.0
    burst = list(by_rate(mix, burst_rate(1.0, 5.0, 100, 200), 5.0, 300, 2))
    inside = sum(100 <= arrival.time < 200 for arrival in burst)
    assert inside == pytest.approx(500, rel=0.15)
    assert len(burst) - inside == pytest.approx(200, rel=0.2)


def test_amdahl() -> None:
    assert serial_share(core_seconds=4.0, seconds=2.0) == 0.0
    assert serial_share(core_seconds=4.0, seconds=4.0) == 1.0
    assert width(serial_share(4.0, 2.2), 2) == pytest.approx(4.0 / 2.2)
    assert width(0.1, 8) == pytest.approx(1 / (0.1 + 0.9 / 8))
