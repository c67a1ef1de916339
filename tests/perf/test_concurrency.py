"""``perf.concurrency``, and what it cannot show without a clock: calls of networks, and whose turn it is."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton

from perf.concurrency.__main__ import BY_LANCZOS, BY_NETWORK, SCALE, goals, markdown
from perf.concurrency.networks import InProcess, computed, seconds_alone, work_of
from perf.concurrency.tasks import Outcome, carry_out, kept_at_work, together
from perf.forms import multipart
from perf.gateway import Gateway, pid_of_triton
from perf.goals import one_after_the_other, slowest_to_mean
from perf.grids import declared, grid_of
from perf.photos import portrait
from perf.watch import MIB, Watch
from serving.supervisor import Supervisor

pytestmark = pytest.mark.timeout(120)

TASKS = 10
SMALL = (340, 24)
"""Width and height: little work, but several tiles."""

LARGE = (4000, 16)
TINY = (64, 16)
ASYNCIO_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""In the executor that asyncio makes where it is given none."""

PATIENCE_SECONDS = 30.0
CANCELLED_SECONDS = 1.0
"""Until a step knows that nobody waits any more."""

HOLDER = """
import sys
sys.stdin.readline()
block = b"x" * 2**26
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def gateway(supervisor: Supervisor) -> Iterator[Gateway]:
    with Gateway(supervisor.endpoint.url, None) as running:
        yield running


def tiles_done(client: triton.InferenceServerClient) -> int:
    """So far, once nothing is on its way."""
    return computed(client, "realesrgan_x4").calls


def tiles_counted(client: triton.InferenceServerClient) -> int:
    """By now."""
    return int(client.get_inference_statistics("realesrgan_x4").model_stats[0].inference_count)


def test_ten_tasks_at_once_ask_for_their_tiles_and_no_more(
    gateway: Gateway, triton_client: triton.InferenceServerClient, models_dir: Path
) -> None:
    work = work_of(portrait(*SMALL), SCALE, models_dir)
    assert len(work.tiles) > 1
    before = tiles_done(triton_client)
    outcomes = asyncio.run(together(gateway.url, multipart(portrait(*SMALL), BY_NETWORK), TASKS))
    assert [outcome.status for outcome in outcomes] == ["completed"] * TASKS
    assert {outcome.size for outcome in outcomes} == {(SCALE * SMALL[0], SCALE * SMALL[1])}
    assert tiles_done(triton_client) - before == TASKS * len(work.tiles)
    for outcome in outcomes:
        assert outcome.processing_time is not None
        assert 0 < outcome.processing_time < outcome.seconds


def test_tiny_photo_does_not_wait_for_all_tiles_of_a_large_one(
    gateway: Gateway, triton_client: triton.InferenceServerClient, models_dir: Path
) -> None:
    """Photos share the network tile by tile: only so many tiles of one photo are ahead of another's."""
    large, tiny = (multipart(portrait(*size), BY_NETWORK) for size in (LARGE, TINY))
    tiles = len(work_of(portrait(*LARGE), SCALE, models_dir).tiles)
    assert tiles > 10
    before = tiles_done(triton_client)

    async def run() -> list[str]:
        finished: list[str] = []

        async def follow(name: str, form: tuple[bytes, str]) -> Outcome:
            outcome = await carry_out(gateway.url, form)
            finished.append(name)
            return outcome

        slow = asyncio.create_task(follow("large", large))
        while await asyncio.to_thread(tiles_counted, triton_client) == before:
            await asyncio.sleep(0.02)
        outcomes = [await follow("tiny", tiny), await slow]
        assert not any(outcome.is_lost for outcome in outcomes)
        return finished

    assert asyncio.run(run()) == ["tiny", "large"]
    assert tiles_done(triton_client) - before == tiles + 1


def test_quick_photo_gets_its_turn_however_many_are_at_work(triton_url: str, models_dir: Path) -> None:
    """Each photo holds a thread of the entry point while it is at work; where they run out, canaries wait as well."""
    slow, quick = query_of(portrait(*LARGE)), query_of(portrait(*TINY))
    ended: list[object] = []
    with triton.InferenceServerClient(triton_url) as client:
        calls = [
            client.async_infer(
                "face_enhance", [slow], lambda result, error: ended.append(error or result), parameters=BY_NETWORK
            )
            for _ in range(ASYNCIO_THREADS + 2)
        ]
        try:
            client.infer("face_enhance", [quick], parameters=BY_LANCZOS, client_timeout=PATIENCE_SECONDS)
            assert ended == []
        finally:
            for call in calls:
                call.cancel()
            # Tiles that are queued are still done; one more comes after them all.
            time.sleep(CANCELLED_SECONDS)
            seconds_alone(client, work_of(portrait(*TINY), SCALE, models_dir), photos=1)


def query_of(photo: bytes) -> triton.InferInput:
    query = triton.InferInput("IMAGE", [len(photo)], "UINT8")
    query.set_data_from_numpy(np.frombuffer(photo, np.uint8))
    return query


def test_clients_kept_at_work_hand_in_one_after_the_other(
    gateway: Gateway, triton_client: triton.InferenceServerClient
) -> None:
    before = tiles_done(triton_client)
    clients = asyncio.run(kept_at_work(gateway.url, multipart(portrait(*TINY), BY_NETWORK), tasks=2, each=2))
    assert [len(outcomes) for outcomes in clients] == [2, 2]
    assert not any(outcome.is_lost for outcomes in clients for outcome in outcomes)
    assert tiles_done(triton_client) - before == 4


def test_networks_alone_are_given_the_same_tiles(triton_client: triton.InferenceServerClient, models_dir: Path) -> None:
    work = work_of(portrait(*SMALL), SCALE, models_dir)
    before = computed(triton_client, "realesrgan_x4")
    assert seconds_alone(triton_client, work, photos=3) > 0
    after = computed(triton_client, "realesrgan_x4")
    assert after.calls - before.calls == 3 * len(work.tiles)
    assert after.seconds > before.seconds
    assert InProcess(work, models_dir).seconds() > 0


def test_tiles_are_cut_as_the_step_cuts_them(models_dir: Path) -> None:
    """By the step's own parameters; together they are the whole photo."""
    work, grid = work_of(portrait(600, 300), SCALE, models_dir), grid_of(300, 600)
    assert len(work.tiles) == grid.count(300, 600) > 1
    assert {tile.shape for tile in work.tiles} == {(grid.tile_size(300), grid.tile_size(600), 3)}
    assert len({tile.tobytes() for tile in work.tiles}) == len(work.tiles)
    assert work.tiles[0].dtype == np.uint8
    assert work.in_flight == declared("tiles_in_flight")


@pytest.mark.parametrize(
    ("url", "status"), [("http://127.0.0.1:1", "broken: ConnectionRefusedError"), ("", "refused with 415")]
)
def test_what_goes_wrong_is_a_lost_task(gateway: Gateway, url: str, status: str) -> None:
    outcome = asyncio.run(carry_out(url or gateway.url, multipart(b"this is no photo", BY_NETWORK)))
    assert (outcome.status, outcome.is_lost) == (status, True)


def test_task_whose_photo_is_broken_is_lost(gateway: Gateway) -> None:
    photo = portrait(*SMALL)
    outcome = asyncio.run(carry_out(gateway.url, multipart(photo[: len(photo) // 2], BY_NETWORK)))
    assert (outcome.status, outcome.size, outcome.is_lost) == ("failed", None, True)


def test_memory_is_that_of_all_processes(gateway: Gateway, supervisor: Supervisor) -> None:
    with Watch(gateway.pid, pid_of_triton(supervisor)).peak(0.1) as held:
        time.sleep(0.3)
    assert held[1] >= held[0] > 200 * MIB  # Triton and its stubs, with networks and numpy
    # A process of its own: this one and its servers hold gigabytes by now, and to count them takes longer than a pause.
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with holder, Watch(holder.pid).peak(0.05) as held:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write("hold\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "held\n"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while held[1] - held[0] <= 48 * MIB and time.monotonic() < deadline:
            time.sleep(0.05)
        holder.stdin.close()  # it lets go
    assert held[1] - held[0] > 48 * MIB


def test_tasks_in_turn_are_the_bound_of_fairness() -> None:
    assert slowest_to_mean([2.0, 2.0, 2.0]) == 1.0
    assert slowest_to_mean([1.0, 2.0, 6.0]) == 2.0
    for tasks in (1, 4, 10):
        assert one_after_the_other(tasks) == pytest.approx(slowest_to_mean([*range(1, tasks + 1)]))


def result(seconds: float = 10.5, lost: int = 0, peak: int = 10**9) -> dict[str, object]:
    """As ``perf.concurrency`` writes it: two tasks of 10 seconds that took ``seconds`` in all."""
    one = {
        "networks_alone_seconds": 10.0,
        "networks_in_process_seconds": 9.0,
        "lone_task_seconds": 5.2,
        "seconds": seconds,
        "task_seconds": [8.0, seconds],
        "lost": lost,
    }
    memory = {"background": "lanczos", "tasks": 2, "lost": 0, "seconds": 3.0, "idle_mib": 600, "peak_mib": 900}
    made: dict[str, object] = {
        "photo": "248x320 JPEG, x2",
        "tasks": 2,
        "tiles_of_a_photo": 2,
        "rounds": [one],
        "kept_at_work": {"lost": 0, "task_seconds": [1.0, 9.0], "later_task_seconds": [9.0, 10.0]},
        "memory": [memory | {"peak_bytes": peak}],
    }
    return json.loads(json.dumps(made | {"goals": [goal.to_json() for goal in goals(made)]}))  # type: ignore[no-any-return]


def missed(made: dict[str, object]) -> list[str]:
    found = made["goals"]
    assert isinstance(found, list)
    told = markdown(made)
    assert told.count("**missed**") == sum(not goal["met"] for goal in found)
    return [goal["name"] for goal in found if not goal["met"]]


def test_goals() -> None:
    assert missed(result()) == []
    assert missed(result(seconds=11.2)) == ["throughput, share of the networks alone"]
    assert missed(result(lost=1)) == ["tasks lost"]
    assert missed(result(peak=4 * 10**9 + 1)) == ["memory, GB"]
    assert missed(result() | {"goals": [goal.to_json() for goal in goals(starved())]}) == [
        "slowest to mean, kept at work"
    ]


def starved() -> dict[str, object]:
    """One of the later tasks took far longer than the others."""
    return result() | {"kept_at_work": {"lost": 0, "task_seconds": [], "later_task_seconds": [1.0, 1.0, 1.0, 3.0]}}
