"""A picture with a hundred faces."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from ensemble.photo import UInt8
from serving.supervisor import Supervisor
from tests.model_repository.comparing import decibels, inside, restored_faces, shift
from tests.model_repository.photos import decode, encode

Enhance = Callable[..., tuple[bytes, dict[str, Any]]]

pytest_plugins = ["tests.model_repository.identity_servers"]

SIDE = 130
MEMORY_OF_A_TASK = 2_000_000_000


@pytest.fixture(scope="module")
def crowd(astronaut: UInt8) -> UInt8:
    """uint8 [1300, 1300, 3]: ten rows of ten portraits, every other one mirrored, each in a light of its own."""
    portrait = cv2.resize(astronaut[0:250, 100:350], (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    lights = np.random.default_rng(0).uniform(0.75, 1.1, 100)
    people = [np.clip(portrait[:, :: 1 - 2 * (number % 2)] * light, 0, 255) for number, light in enumerate(lights)]
    return np.vstack([np.hstack(people[first : first + 10]) for first in range(0, 100, 10)]).astype(np.uint8)


@contextmanager
def watched(supervisor: Supervisor) -> Iterator[list[int]]:
    """Bytes that the server's processes hold from time to time, shared ones counted once; the first when idle."""
    assert supervisor.process is not None
    server = psutil.Process(supervisor.process.pid)
    processes = [server, *server.children(recursive=True)]

    def held() -> int:
        return sum(process.memory_full_info().pss for process in processes)

    seen, done = [held()], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            seen.append(held())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def assert_all_in_their_places(result: bytes, report: dict[str, Any], crowd: UInt8) -> None:
    ours = np.asarray(decode(result))
    assert ours.shape == crowd.shape
    restored = restored_faces(report)
    assert len(restored) >= 95
    assert not report["truncated"]
    places = set()
    for face in restored:
        left, top, right, bottom = face["box"]
        places.add((int((left + right) / 2 // SIDE), int((top + bottom) / 2 // SIDE)))
        part = inside(face["box"], ours)
        assert (ours[part] != crowd[part]).any(), "nothing was pasted"
        assert decibels(ours[part], crowd[part]) >= 35
        assert np.abs(shift(ours[part], crowd[part])).max() <= 0.1
    assert len(places) == len(restored)
    # Whom a face's soft edges reach is not harmed either.
    assert decibels(ours, crowd) >= 40


def test_a_hundred_faces(enhance_with_identity: Enhance, identity_supervisor: Supervisor, crowd: UInt8) -> None:
    """All are found, restored, reported and put back, and the memory of one task is enough."""
    with watched(identity_supervisor) as held:
        result, report = enhance_with_identity(encode(crowd), {"enhancement_level": 1, "background": "lanczos"})
    assert_all_in_their_places(result, report, crowd)
    assert len(held) > 3
    assert max(held) - held[0] < MEMORY_OF_A_TASK


def test_a_hundred_parsed_faces(enhance_with_parser: Enhance, crowd: UInt8) -> None:
    result, report = enhance_with_parser(encode(crowd), {"enhancement_level": 1, "background": "lanczos"})
    assert report["models"]["parser"]["name"] == "parsenet"
    assert_all_in_their_places(result, report, crowd)


def test_only_the_face_in_the_middle_of_many(enhance_with_identity: Enhance, crowd: UInt8) -> None:
    options = {"enhancement_level": 1, "background": "lanczos", "only_center_face": True, "restorer": "restoreformer"}
    few = crowd[: 3 * SIDE, : 3 * SIDE]
    result, report = enhance_with_identity(encode(few), options)
    ours = np.asarray(decode(result))
    assert len(report["faces"]) == 9
    (face,) = restored_faces(report)
    left, top, right, bottom = face["box"]
    assert SIDE < (left + right) / 2 < 2 * SIDE
    assert SIDE < (top + bottom) / 2 < 2 * SIDE
    changed = np.argwhere((ours != few).any(axis=2))
    assert changed.min() > SIDE / 2
    assert changed.max() < 5 * SIDE / 2
