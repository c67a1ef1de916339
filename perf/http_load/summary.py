"""What a run of the users comes to, from what locust wrote down."""

from __future__ import annotations

import collections
import itertools
import statistics
from collections.abc import Sequence

from perf.http_load.record import ANSWERED, REFUSED, Call, Ended, Fault, HandedIn, Row, Sample, Stopped
from perf.latency import summary

BIN_SECONDS = 5
NO_END = "lost: no end when locust stopped"


def summarise(rows: Sequence[Row], *, ramp: float, seconds: float) -> dict[str, object]:
    """The figures of a run with all users connected from ``ramp`` on, for ``seconds``.

    Raises:
        RuntimeError: a user stopped over an exception, or locust broke off.
    """
    faults = [row.text for row in rows if isinstance(row, Fault)]
    stopped = [row for row in rows if isinstance(row, Stopped)]
    if faults or not stopped:
        raise RuntimeError("; ".join(faults) or "locust broke off")
    calls = [row for row in rows if isinstance(row, Call)]
    samples = [row for row in rows if isinstance(row, Sample)]
    plateau = [call for call in calls if ramp <= call.at < ramp + seconds]
    busy = [sample.cores for sample in samples if ramp <= sample.at < ramp + seconds]
    return {
        "most_users": max((sample.users for sample in samples), default=0),
        "all_connected": of_calls(plateau, seconds),
        "whole_run": of_calls(calls, stopped[-1].at),
        "photos": of_photos(rows, ramp, seconds),
        "machine_cores": round(statistics.mean(busy), 2) if busy else None,
        "locust_late": summary([sample.late for sample in samples]),
        "locust_cores": round(stopped[-1].cpu / stopped[-1].at, 2),
        "series": series(calls, samples, rows),
    }


def of_calls(calls: Sequence[Call], seconds: float) -> dict[str, object]:
    """Times of what was answered, refusals included, and of each kind of call without them; failures have no time."""
    by_name: dict[str, list[Call]] = collections.defaultdict(list)
    for call in calls:
        by_name[call.name].append(call)
    answers = [call.seconds for call in calls if call.outcome in {ANSWERED, REFUSED}]
    refusals = [call.seconds for call in calls if call.outcome == REFUSED]
    failures = collections.Counter(
        f"{call.name}: {call.outcome}" for call in calls if call.outcome not in {ANSWERED, REFUSED}
    )
    return {
        "seconds": round(seconds, 1),
        "answers": summary(answers),
        "answers_per_second": round(len(answers) / seconds, 1),
        "refusals": summary(refusals),
        "failures": failures.total(),
        "failed": dict(failures),
        "by_call": {name: _of_name(same) for name, same in sorted(by_name.items())},
    }


def _of_name(calls: Sequence[Call]) -> dict[str, float]:
    outcomes = collections.Counter(call.outcome for call in calls)
    return {
        **summary([call.seconds for call in calls if call.outcome == ANSWERED]),
        "refusals": outcomes[REFUSED],
        "failures": len(calls) - outcomes[REFUSED] - outcomes[ANSWERED],
    }


def of_photos(rows: Sequence[Row], ramp: float, seconds: float) -> dict[str, object]:
    """What became of the photos that the gateway took. One without an end is lost."""
    handed_in = {row.number: row for row in rows if isinstance(row, HandedIn)}
    ended = {row.number: row for row in rows if isinstance(row, Ended)}
    ends = collections.Counter(ended[number].end if number in ended else NO_END for number in handed_in)
    lost = {end: count for end, count in ends.items() if end.startswith("lost")}
    took: dict[str, list[float]] = collections.defaultdict(list)
    for number, end in ended.items():
        if end.end == "fetched":
            took[handed_in[number].kind].append(end.at - handed_in[number].at)
    fetched = [row for row in ended.values() if row.end == "fetched" and ramp <= row.at < ramp + seconds]
    return {
        "handed_in": len(handed_in),
        **{end: ends[end] for end in ("fetched", "deleted", "failed")},
        "lost": sum(lost.values()),
        "lost_because": lost,
        "fetched_per_minute_all_connected": round(60 * len(fetched) / seconds, 1),
        "from_hand_in_to_image": {kind: summary(values) for kind, values in sorted(took.items())},
    }


def series(calls: Sequence[Call], samples: Sequence[Sample], rows: Sequence[Row]) -> list[dict[str, float]]:
    """Users, photos in the gateway, answers a second and their p95 in milliseconds, every :data:`BIN_SECONDS`."""
    answers: dict[int, list[float]] = collections.defaultdict(list)
    for call in calls:
        if call.outcome in {ANSWERED, REFUSED}:
            answers[int(call.at // BIN_SECONDS)].append(call.seconds)
    users = {int(sample.at // BIN_SECONDS): sample.users for sample in samples}
    changes: collections.Counter[int] = collections.Counter()
    for row in rows:
        changes[int(row.at // BIN_SECONDS)] += isinstance(row, HandedIn) - isinstance(row, Ended)
    bins = range(max([*answers, *users, *changes], default=-1) + 1)
    inside = itertools.accumulate(changes[number] for number in bins)
    return [
        {
            "second": number * BIN_SECONDS,
            "users": users.get(number, 0),
            "photos_inside": photos,
            "answers_per_second": round(len(answers[number]) / BIN_SECONDS, 1),
            "p95_ms": summary(answers[number]).get("p95_ms", 0.0),
        }
        for number, photos in zip(bins, inside, strict=True)
    ]
