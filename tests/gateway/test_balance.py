"""Who gets the next photo: rules one by one, and what they are good for, in a simulation with a clock of its own."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from statistics import mean, quantiles

import pytest

from gateway.addresses import Address
from gateway.balance import AVOID_SECONDS, Balance

A, B, C = SERVERS = [Address(f"10.0.0.{number}:8001", "triton:8001") for number in (1, 2, 3)]


def test_in_turn_among_equals() -> None:
    balance = Balance()
    first = [balance.pick(SERVERS) for _ in range(3)]
    assert set(first) == set(SERVERS)
    assert [balance.pick(SERVERS) for _ in range(6)] == 2 * first


def test_gateways_that_start_together_do_not_follow_each_other() -> None:
    assert {Balance().pick(SERVERS) for _ in range(100)} == set(SERVERS)


def test_the_fewest_at_work_come_first() -> None:
    balance = Balance()
    with contextlib.ExitStack() as busy:
        picked = []
        for _ in range(6):
            picked.append(balance.pick(SERVERS))
            busy.enter_context(balance.at_work(picked[-1]))
        assert Counter(picked) == {A: 2, B: 2, C: 2}
        with balance.at_work(A), balance.at_work(C):
            assert [balance.pick(SERVERS) for _ in range(3)] == [B, B, B]
        assert balance.busy == SERVERS
    assert balance.busy == []


def test_a_photo_that_fails_is_at_work_no_longer() -> None:
    balance = Balance()
    with pytest.raises(KeyError), balance.at_work(A):
        raise KeyError
    assert balance.busy == []


def test_a_failed_server_is_avoided_for_some_seconds_unless_all_are() -> None:
    now = 100.0
    balance = Balance(lambda: now)
    balance.failed(A)
    with balance.at_work(B), balance.at_work(C):
        assert balance.pick(SERVERS) in (B, C)
        balance.failed(B)
        balance.failed(C)
        assert balance.pick(SERVERS) == A
    now += AVOID_SECONDS
    assert not any(map(balance.avoids, SERVERS))


def test_a_failed_canary_counts_until_something_passes() -> None:
    now = 100.0
    balance = Balance(lambda: now)
    balance.failed(A, until_passed=True)
    balance.failed(A)
    now += 1e6
    assert balance.avoids(A)
    assert balance.age(A) == float("inf")
    balance.passed(A)
    now += 5.0
    assert not balance.avoids(A)
    assert balance.age(A) == 5.0


def test_what_is_gone_is_forgotten_once_nothing_is_at_work_there() -> None:
    balance = Balance()
    for address in SERVERS:
        balance.failed(address)
    with balance.at_work(A):
        balance.keep([C])
        assert set(balance.seen) == {A, C}
    balance.keep([C])
    assert set(balance.seen) == {C}


Pick = Callable[[Balance], Address]


def in_turn() -> Pick:
    turns = itertools.cycle(SERVERS)
    return lambda _: next(turns)


def at_random(seed: int) -> Pick:
    dice = random.Random(seed)
    return lambda _: dice.choice(SERVERS)


def fewest_at_work(balance: Balance) -> Address:
    return balance.pick(SERVERS)


def waits(pick: Pick, gateways: int, seed: int, photos: int = 3000) -> list[float]:
    """Seconds that photos wait in servers which work on one at a time, in the order of their arrival.

    Nine in ten photos take 0.2 s and one takes 6 s, as those without and with Real-ESRGAN do; the servers are busy
    for 70 % of the time, and each gateway knows of its own photos only.
    """
    dice = random.Random(seed)
    balances = [Balance() for _ in range(gateways)]
    free_at = dict.fromkeys(SERVERS, 0.0)
    ends: list[tuple[float, int, contextlib.ExitStack]] = []
    now, waited = 0.0, []
    for number in range(photos):
        now += dice.expovariate(0.7 * len(SERVERS) / 0.78)
        while ends and ends[0][0] <= now:
            heapq.heappop(ends)[2].close()
        balance = dice.choice(balances)
        address = pick(balance)
        place = contextlib.ExitStack()
        place.enter_context(balance.at_work(address))
        started = max(now, free_at[address])
        free_at[address] = started + (6.0 if dice.random() < 0.1 else 0.2)
        heapq.heappush(ends, (free_at[address], number, place))
        waited.append(started - now)
    return waited


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counting_beats_turns_and_chance(seed: int) -> None:
    counted, turns, chance = (
        waits(pick, gateways=1, seed=seed) for pick in (fewest_at_work, in_turn(), at_random(seed))
    )
    assert mean(counted) < 0.5 * mean(turns) < 0.5 * mean(chance)
    assert p95(counted) < 0.7 * p95(turns)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_still_does_where_each_of_four_gateways_counts_its_own(seed: int) -> None:
    counted, turns = (waits(pick, gateways=4, seed=seed) for pick in (fewest_at_work, in_turn()))
    assert mean(counted) < 0.7 * mean(turns)


def p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]
