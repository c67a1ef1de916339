"""Ten tasks at once, each with a photo of its own, and what became of each."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, field

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tests.faults.site import Site, until

Pixels = NDArray[np.float64]

TASKS = 10
SCALE = 2
ENDED = ("completed", "failed", "cleaned")
LIKE_DECIBELS = 40.0
"""Results of the same photo; those of different photos have less than 15."""


@dataclass(frozen=True)
class Photo:
    """One that no other is like: smoothed noise, in a size of its own."""

    number: int

    @property
    def options(self) -> dict[str, str]:
        background = "realesrgan" if self.number % 2 else "lanczos"
        return {"background": background, "restorer": "none", "output_format": "png"}

    def encoded(self) -> bytes:
        pixels = np.random.default_rng(self.number).integers(0, 256, (72 + self.number, 96, 3), dtype=np.uint8)
        encoded = io.BytesIO()
        Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(1.5)).save(encoded, "PNG")
        return encoded.getvalue()


PHOTOS = tuple(map(Photo, range(TASKS)))


@dataclass
class Tally:
    """How the tasks of one round ended. ``failures`` are told by their type; ``forgotten`` ones are 404."""

    right: int = 0
    wrong: int = 0
    forgotten: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.right + self.wrong + self.forgotten + self.refused.total() + self.failures.total()


def pixels_of(image: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB"), np.float64)


def alike(one: Pixels, other: Pixels) -> bool:
    if one.shape != other.shape:
        return False
    error = float(np.mean((one - other) ** 2))
    return error == 0 or 10 * np.log10(255**2 / error) > LIKE_DECIBELS


def expected_results(site: Site) -> list[Pixels]:
    """Each photo alone, while nothing is broken."""
    results = []
    for photo in PHOTOS:
        answer = site.gateways[0].client.post(
            "/v1/enhance", files={"file": ("a.png", photo.encoded())}, data=photo.options, timeout=120
        )
        assert answer.status_code == 200, answer.text
        results.append(pixels_of(answer.content))
    return results


class Round:
    """Ten tasks, handed in by turns at the two gateways."""

    def __init__(self, site: Site, expected: list[Pixels]) -> None:
        self._site, self._expected = site, expected
        self.tally = Tally()
        self._tasks: dict[str, Photo] = {}
        for photo in PHOTOS:
            self.submit(photo)

    def submit(self, photo: Photo) -> None:
        gateway = self._site.gateways[photo.number % 2]
        answer = gateway.client.post(
            "/v1/photos", files={"file": ("a.png", photo.encoded())}, data=photo.options, timeout=60
        )
        if answer.status_code == 202:
            self._tasks[answer.json()["task_id"]] = photo
        else:
            self.tally.refused[answer.json()["type"].rpartition(":")[2]] += 1

    def begun(self) -> bool:
        """Whether one is done, so that the others are at work or wait."""
        return any((self._state(task) or {}).get("status") in ENDED for task in self._tasks)

    def finish(self) -> Tally:
        """Wait for each task's end, and look at each result.

        Raises:
            AssertionError: a task neither ended nor was forgotten.
        """
        for task, photo in self._tasks.items():
            until(lambda task=task: self._has_ended(task), f"the end of photo {photo.number}")  # type: ignore[misc]
            state = self._state(task)
            if state is None:
                self.tally.forgotten += 1
            elif state["status"] == "completed":
                self._look(task, photo)
            else:
                self.tally.failures[str(state["error_type"])] += 1
                assert state["error_message"]
        return self.tally

    def _look(self, task: str, photo: Photo) -> None:
        answer = self._asked(f"/v1/photos/{task}/image")
        if answer is not None and answer.status_code == 200:
            if alike(pixels_of(answer.content), self._expected[photo.number]):
                self.tally.right += 1
            else:
                self.tally.wrong += 1
        else:
            self.tally.forgotten += 1

    def _has_ended(self, task: str) -> bool:
        answer = self._asked(f"/v1/photos/{task}")
        if answer is None or answer.status_code >= 500:
            return False  # nobody can tell at the moment
        return answer.status_code == 404 or answer.json()["status"] in ENDED

    def _state(self, task: str) -> dict[str, object] | None:
        answer = self._asked(f"/v1/photos/{task}")
        return answer.json() if answer is not None and answer.status_code == 200 else None

    def _asked(self, path: str) -> httpx.Response | None:
        """The first gateway's answer that is there."""
        for gateway in self._site.gateways:
            try:
                answer = gateway.client.get(path, timeout=30)
            except httpx.TransportError:
                continue
            if answer.status_code < 500:
                return answer
        return None
