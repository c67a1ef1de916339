"""One photo after the other, and many at once, by gRPC: time, processor time, memory, work and stages."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import tritonclient.grpc as triton

from perf.cost.plan import Crowd, Photo, Plan
from perf.cost.work import work_in
from perf.entry import Report, enhance
from perf.latency import spread
from perf.photos import group_photo
from perf.watch import MIB, Watch

_ENOUGH = 5.0
"""Seconds after which a photo is not sent again."""

_TIMEOUT = 300.0

Row = dict[str, Any]


def measure_plan(plan: Plan, url: str, watch: Watch, ends: float) -> Iterator[tuple[str, Row]]:
    """All points of ``plan``, each with the part of the result that it belongs to.

    ``skipped`` are those that were not begun by the time ``ends`` of the monotonic clock.
    """
    with triton.InferenceServerClient(url) as client:

        def alone(photo: Photo) -> Row:
            return measure_photo(client, watch, photo, plan.rounds)

        def together(crowd: Crowd) -> Row:
            return measure_crowd(url, watch, crowd)

        points: list[tuple[str, str, Photo, Callable[[], Row]]] = [
            *(("series", name, photo, partial(alone, photo)) for name, photo in plan.series),
            *(("crowds", f"{crowd.users} users", crowd.photo, partial(together, crowd)) for crowd in plan.crowds),
            *(("typical", name, photo, partial(alone, photo)) for name, photo in plan.typical),
        ]
        for part, name, photo, measure in points:
            head = {"name": name, "photo": described(photo)}
            if time.monotonic() < ends:
                yield part, head | measure()
            else:
                yield "skipped", head


def warm_up(url: str, plan: Plan) -> None:
    """Send a photo that makes every network work, so that the server holds from then on what it keeps for them."""
    with triton.InferenceServerClient(url) as client:
        report_of(client, group_photo(plan.warm_up.width, plan.warm_up.height, plan.warm_up.faces), plan.warm_up)


def measure_photo(client: triton.InferenceServerClient, watch: Watch, photo: Photo, rounds: int) -> Row:
    """A photo by itself: a first call, which may compile the network for its shape, and up to ``rounds`` more.

    The first call counts only where it took so long that there are no others.
    """
    encoded = group_photo(photo.width, photo.height, photo.faces)
    seconds: list[float] = []
    core_seconds: list[float] = []
    reports: list[Mapping[str, Any]] = []
    with watch.peak() as held:
        while len(seconds) <= rounds and sum(seconds) < _ENOUGH:
            busy, started = watch.core_seconds(), time.perf_counter()
            reports.append(report_of(client, encoded, photo))
            seconds.append(time.perf_counter() - started)
            core_seconds.append(watch.core_seconds() - busy)
    counted = slice(1 if len(seconds) > 1 else 0, None)
    return {
        "work": work_in(reports[-1]),
        "faces_found": len(reports[-1]["faces"]),
        "tiles": reports[-1]["tiles"],
        "models": models_in(reports[-1]),
        "rounds": len(seconds[counted]),
        "first_seconds": round(seconds[0], 3),
        "seconds": spread(seconds[counted]),
        "core_seconds": spread(core_seconds[counted]),
        "stages_ms": stages_in(reports[counted]),
        "before_mib": round(held[0] / MIB, 1),
        "peak_mib": round(held[1] / MIB, 1),
    }


def measure_crowd(url: str, watch: Watch, crowd: Crowd) -> Row:
    """Users who each send the photo again as soon as they have it back, until all of them have been sent."""
    encoded = group_photo(crowd.photo.width, crowd.photo.height, crowd.photo.faces)
    tickets = iter(range(crowd.photos))
    seconds: list[float] = []
    reports: list[Mapping[str, Any]] = []
    failures: list[str] = []
    lock = threading.Lock()

    def ticket() -> int | None:
        with lock:
            return next(tickets, None)

    def use() -> None:
        with triton.InferenceServerClient(url) as client:
            while ticket() is not None:
                started = time.perf_counter()
                try:
                    report = report_of(client, encoded, crowd.photo)
                except triton.InferenceServerException as error:
                    failures.append(str(error.message()))
                else:
                    seconds.append(time.perf_counter() - started)
                    reports.append(report)

    users = [threading.Thread(target=use) for _ in range(crowd.users)]
    busy, started = watch.core_seconds(), time.perf_counter()
    with watch.peak() as held:
        for user in users:
            user.start()
        for user in users:
            user.join()
    wall, spent = time.perf_counter() - started, watch.core_seconds() - busy
    return {
        "users": crowd.users,
        "work": work_in(reports[-1]) if reports else {},
        "sent": crowd.photos,
        "done": len(seconds),
        "failures": failures,
        "latency_seconds": spread(seconds) if seconds else {},
        "photos_per_hour": round(len(seconds) / wall * 3600, 1),
        "core_seconds_per_photo": round(spent / max(1, len(seconds)), 3),
        "before_mib": round(held[0] / MIB, 1),
        "peak_mib": round(held[1] / MIB, 1),
    }


def report_of(client: triton.InferenceServerClient, encoded: bytes, photo: Photo) -> Report:
    """The report of one call."""
    return enhance(client, encoded, photo.parameters, _TIMEOUT)[1]


def described(photo: Photo) -> str:
    """Size, faces and what is asked for, in words."""
    asked = f"background {photo.background}{', faces restored' if photo.restore else ''}"
    faces = f"{photo.faces or 'no'} face{'s' if photo.faces != 1 else ''}"
    return f"{photo.width}×{photo.height}, {faces}, ×{photo.scale}, {asked}"


def models_in(report: Mapping[str, Any]) -> dict[str, str]:
    """By role, the model that was used and its precision; roles without one are left out."""
    used = {role: model for role, model in report["models"].items() if model.get("precision")}
    return {role: f"{model['name']} {model['precision']}" for role, model in used.items()}


def stages_in(reports: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Median milliseconds of each stage."""
    stages = reports[0]["milliseconds"]
    return {stage: round(statistics.median(each["milliseconds"][stage] for each in reports), 1) for stage in stages}
