"""Connections that break half way, in a seeded mixture."""

from __future__ import annotations

import random
from functools import partial

from tests.deploy.photos import QUICK, noise
from tests.hostile.attacks.forms import ask, upload
from tests.hostile.door import Door, Line, crowd
from tests.hostile.tally import Tally


async def break_off(door: Door, results: list[str], count: int, at_once: int, seed: int) -> Tally:
    """``count`` uploads and downloads that break; ``results`` are paths of finished tasks, which stay."""
    tally = Tally()
    photo = noise(64)

    async def one(number: int) -> None:
        pick = random.Random(seed * 100_000 + number)
        try:
            async with door.line(f"127.0.4.{1 + number % 200}") as line:
                tally.connections += 1
                tally.requests += 1
                await pick.choice((_upload, _upload, _at_work, _download))(line, photo, results, pick)
                if pick.random() < 0.5:
                    line.reset()
        except (OSError, AssertionError):
            tally.note(None)

    await crowd([partial(one, number) for number in range(count)], at_once)
    return tally


async def _upload(line: Line, photo: bytes, results: list[str], pick: random.Random) -> None:
    del results
    path = pick.choice(("/v1/enhance", "/v1/photos", "/v1/batches"))
    request = upload(path, photo, fields=QUICK)
    await line.send(request[: pick.randrange(1, len(request))])


async def _at_work(line: Line, photo: bytes, results: list[str], pick: random.Random) -> None:
    """All of a photo is sent, and its answer not waited for."""
    del results
    await line.send(upload("/v1/enhance", photo, fields=QUICK))
    if pick.random() < 0.5:
        await line.first_line(patience=pick.random() / 20)


async def _download(line: Line, photo: bytes, results: list[str], pick: random.Random) -> None:
    """Some of a large result is read; or none, where another one is being sent it."""
    del photo
    await line.send(ask(f"{pick.choice(results)}/image"))
    if await line.first_line() == 200:
        await line.some(pick.randrange(1, 100_000))
