"""Archives that are none, or no longer."""

from __future__ import annotations

import io
import json
import random
import zipfile
from functools import partial

from tests.deploy.photos import QUICK, noise
from tests.hostile.attacks.forms import ask, upload
from tests.hostile.door import Door, crowd
from tests.hostile.tally import Tally

_MOST_TRIES = 500


def broken_archives(count: int, seed: int) -> list[bytes]:
    """A sound ZIP cut short, overwritten in places, or lost behind the first bytes of a RAR."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"photo-{number}.png", noise(24, seed=number))
    sound = made.getvalue()
    return [_broken(sound, random.Random(seed * 1000 + number)) for number in range(count)]


def _broken(sound: bytes, pick: random.Random) -> bytes:
    way = pick.randrange(4)
    if way == 0:
        return sound[: pick.randrange(1, len(sound) - 22)]
    if way == 1:
        return b"Rar!\x1a\x07\x01\x00" + pick.randbytes(pick.randrange(1, 3000))
    if way == 2:
        return b"PK\x03\x04" + pick.randbytes(pick.randrange(1, 3000))
    damaged = bytearray(sound)
    for _ in range(pick.randrange(1, 30)):
        damaged[pick.randrange(len(damaged))] = pick.randrange(256)
    return bytes(damaged[: len(damaged) - pick.randrange(0, 40)])


async def send_broken(door: Door, clients: int, seed: int) -> Tally:
    """One archive of each of so many clients, again while there is no place for it, until half of them had one.

    Each gives up after :data:`_MOST_TRIES`.
    """
    tally = Tally()
    inside = 0

    async def one(number: int, archive: bytes) -> None:
        nonlocal inside
        source = f"127.0.5.{1 + number % 200}"
        for _ in range(_MOST_TRIES):
            if inside >= clients // 2:
                return
            tally.connections += 1
            tally.requests += 1
            answer = await door.ask(upload("/v1/batches", archive, fields=QUICK), source)
            tally.note(answer)
            if answer is not None and answer.status == 202:  # some of it could be read: a batch like any other
                await door.ask(ask(f"/v1/batches/{json.loads(answer.body)['batch_id']}", "DELETE"), source)
            if answer is None or answer.status != 503:
                inside += 1
                return

    archives = broken_archives(clients, seed)
    await crowd([partial(one, number, archive) for number, archive in enumerate(archives)], clients)
    return tally
