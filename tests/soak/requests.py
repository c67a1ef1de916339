"""What a soak sends: small photos without a network, as many ways as there are, a broken one now and then."""

from __future__ import annotations

import io
import random
import zipfile
from collections import Counter
from collections.abc import Callable

import httpx
import numpy as np
from PIL import Image

from tests.gateway.replica import Replica

LIGHT = {"background": "lanczos", "restorer": "none"}
_FORMATS = ("JPEG", "PNG", "WEBP")
_SECONDS = 120.0


class Sender:
    """One client. ``outcomes`` counts what was right, and everything that was not by what it was."""

    def __init__(self, gateway: Replica, seed: int) -> None:
        self._dice = random.Random(seed)
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", timeout=_SECONDS)
        self.outcomes: Counter[str] = Counter()
        self._ways: tuple[tuple[Callable[[], str], int], ...] = (
            (self._at_once, 60),
            (self._as_a_task, 25),
            (self._given_up, 5),
            (self._broken, 5),
            (self._batch, 5),
        )

    def close(self) -> None:
        self._client.close()

    def send(self) -> None:
        """One request, or task, or batch."""
        ways, weights = zip(*self._ways, strict=True)
        (way,) = self._dice.choices(ways, weights)
        try:
            self.outcomes[way()] += 1
        except httpx.HTTPStatusError as error:
            self.outcomes[f"HTTP {error.response.status_code}"] += 1
        except httpx.TransportError as error:
            self.outcomes[type(error).__name__] += 1

    def _photo(self) -> tuple[bytes, tuple[int, int]]:
        size = (self._dice.randrange(16, 200), self._dice.randrange(16, 200))
        pixels = np.random.default_rng(self._dice.randrange(2**32)).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        encoded = io.BytesIO()
        Image.fromarray(pixels).save(encoded, self._dice.choice(_FORMATS))
        return encoded.getvalue(), size

    def _at_once(self) -> str:
        photo, size = self._photo()
        answer = self._client.post("/v1/enhance", files={"file": ("a", photo)}, data=LIGHT)
        return _judge(answer, size)

    def _submit(self, photo: bytes) -> str:
        answer = self._client.post("/v1/photos", files={"file": ("a", photo)}, data=LIGHT)
        answer.raise_for_status()
        return f"/v1/photos/{answer.json()['task_id']}"

    def _as_a_task(self) -> str:
        photo, size = self._photo()
        task = self._submit(photo)
        with self._client.stream("GET", f"{task}/events") as events:
            events.read()  # ends when the task does
        return _judge(self._client.get(f"{task}/image"), size)

    def _given_up(self) -> str:
        photo, _ = self._photo()
        answer = self._client.delete(self._submit(photo))
        return "right" if answer.status_code == 200 else f"HTTP {answer.status_code}"

    def _broken(self) -> str:
        photo, _ = self._photo()
        answer = self._client.post("/v1/enhance", files={"file": ("a", photo[: len(photo) // 2])}, data=LIGHT)
        # Half a photo may still be one, in a format that shows what came so far.
        return "right" if answer.status_code in (200, 415, 422) else f"HTTP {answer.status_code}"

    def _batch(self) -> str:
        photos = [self._photo() for _ in range(3)]
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for number, (photo, _) in enumerate(photos):
                archive.writestr(f"{number}.{Image.open(io.BytesIO(photo)).format}".lower(), photo)
        answer = self._client.post("/v1/batches", files={"file": ("a.zip", packed.getvalue())}, data=LIGHT)
        if answer.status_code == 503:
            return "right"  # two batches at once are the limit
        answer.raise_for_status()
        batch = f"/v1/batches/{answer.json()['batch_id']}"
        with self._client.stream("GET", f"{batch}/events") as events:
            events.read()
        answer = self._client.get(f"{batch}/archive")
        if answer.status_code != 200:
            return f"HTTP {answer.status_code}"
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            return "right" if len(archive.namelist()) == len(photos) + 1 else "photos are missing"


def _judge(answer: httpx.Response, size: tuple[int, int]) -> str:
    if answer.status_code != 200:
        return f"HTTP {answer.status_code}"
    width, height = Image.open(io.BytesIO(answer.content)).size
    return "right" if (width, height) == (2 * size[0], 2 * size[1]) else "wrong size"
