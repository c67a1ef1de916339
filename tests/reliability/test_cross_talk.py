"""Tasks that are at work together never get each other's pixels, names, reports or errors.

Each photo has a pattern of its own. What becomes of it must be, byte for byte, what becomes of it alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import tritonclient.grpc as triton
from hypothesis import HealthCheck, Phase, given, settings
from numpy.typing import NDArray

from limner.settings import Settings
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor
from tests.gateway.redis_server import StartRedis
from tests.model_repository.photos import decode
from tests.reliability.conftest import StartGateway
from tests.reliability.crowd import Crowd, Guest, crowds, meet
from tests.reliability.outcome import Alone
from tests.reliability.photos import CASES, Case

pytest_plugins = ["tests.gateway.redis_server"]

pytestmark = pytest.mark.timeout(240, func_only=True)

SAME_TILES = [case for case in CASES if (case.width, case.height) == (40, 32)]
TASKS_AT_ONCE = 10


@pytest.fixture(scope="module")
def one(start_gateway: StartGateway, triton_url: str) -> Sequence[str]:
    return [_url(start_gateway(triton_url).port)]


@pytest.fixture(scope="module")
def shared(start_gateway: StartGateway, start_redis: StartRedis, triton_url: str) -> Sequence[str]:
    """Two gateways with one Redis."""
    redis = start_redis()
    return [_url(start_gateway(triton_url, LIMNER_REDIS_URL=redis.url).port) for _ in range(2)]


@pytest.fixture(scope="module")
def second(models_dir: object) -> Iterator[str]:
    """Another Triton."""
    del models_dir
    with Supervisor(Settings(), Endpoint(free_port(), free_port(), open_apis=True)) as running:
        yield running.endpoint.url


@pytest.fixture(scope="module")
def doubled(start_gateway: StartGateway, start_redis: StartRedis, triton_url: str, second: str) -> Sequence[str]:
    """Two gateways with one Redis before two Tritons."""
    redis = start_redis()
    return [
        _url(start_gateway(f"{triton_url},{second}", LIMNER_REDIS_URL=redis.url, LIMNER_CANARY_INTERVAL="3").port)
        for _ in range(2)
    ]


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def known(alone: Alone) -> Alone:
    """All cases, before anything else is at work."""
    for case in CASES:
        alone.of(case)
    return alone


def batches_of_two(client: triton.InferenceServerClient) -> int:
    """How often the network was given tiles of two requests at once."""
    statistics = client.get_inference_statistics("realesrgan_x4").model_stats[0]
    return sum(batch.compute_infer.count for batch in statistics.batch_stats if batch.batch_size > 1)


def test_what_a_photo_becomes_alone_is_its_own_picture(known: Alone) -> None:
    """Made small again it is nearest to its own original: what is compared below is no picture of another one."""
    shown = {case: image for case, image in known.images.items() if case.width >= 40 and case.kind != "faces"}
    originals = {case: _small(case.photo) for case in shown}
    assert len(shown) > 15
    for case, image in shown.items():
        result = _small(image)
        nearest = min(originals, key=lambda other: float(np.abs(originals[other] - result).mean()))
        assert nearest == case
    refused = [case for case in CASES if known.of(case).is_error]
    assert [known.of(case).error.partition(":")[0] for case in refused] == [
        "damaged-image",
        "unsupported-format",
        "invalid-option",
        "output-too-large",
    ]


def _small(photo: bytes) -> NDArray[np.float32]:
    return np.asarray(decode(photo).convert("RGB").resize((16, 16)), np.float32)


def test_tiles_that_share_a_batch_stay_apart(
    one: Sequence[str], known: Alone, triton_url: str, triton_client: triton.InferenceServerClient
) -> None:
    before = batches_of_two(triton_client)
    ways = ("at once", "task", "past the gateway")
    crowd = [Guest(ways[number % len(ways)], (case,)) for number, case in enumerate(SAME_TILES)]
    _meet(one, triton_url, known, crowd * 2)
    if triton_client.get_model_config("realesrgan_x4").config.max_batch_size > 1:
        assert batches_of_two(triton_client) > before, "no two tiles were in one batch: this shows nothing"


@pytest.mark.parametrize("kind", ["one", "shared", "doubled"])
def test_no_task_gets_what_is_anothers(
    kind: str, request: pytest.FixtureRequest, known: Alone, triton_url: str
) -> None:
    gateways: Sequence[str] = request.getfixturevalue(kind)

    @settings(
        max_examples=3,
        phases=[Phase.generate],  # a crowd of fewer would not be the same crowd
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(crowds(TASKS_AT_ONCE))
    def come(crowd: Crowd) -> None:
        _meet(gateways, triton_url, known, crowd)

    come()


def _meet(gateways: Sequence[str], triton_url: str, known: Alone, crowd: Sequence[Guest]) -> None:
    """Send all of them at once, and compare what each gets."""
    # Before, because nothing else may be at work then.
    for guest in crowd:
        for case in guest.expected_cases:
            known.of(case)
    for way, case, outcome in asyncio.run(meet(gateways, triton_url, crowd)):
        known.require(case, outcome, way)


def test_results_after_cancellations_are_right(shared: Sequence[str], known: Alone, triton_url: str) -> None:
    """Buffers are wiped and used again: those who come right after somebody left must get nothing of it."""
    tiled = [case for case in SAME_TILES if not known.of(case).is_error]
    left = [
        Guest(way, (_seen_by_nobody(case),), seconds)
        for case in tiled[:2]
        for way, seconds in (("cancelled task", 0.05), ("gone away", 0.1), ("cancelled past the gateway", 0.15))
    ]
    for _ in range(2):
        _meet(shared, triton_url, known, left)
        _meet(shared, triton_url, known, [Guest("task", (case,)) for case in tiled])


def _seen_by_nobody(case: Case) -> Case:
    return Case(case.kind, 100 + case.seed, 160, 40, case.options)
