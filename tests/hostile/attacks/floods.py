"""More uploads than anybody may send."""

from __future__ import annotations

from functools import partial

from tests.hostile.attacks.forms import upload
from tests.hostile.door import Door, crowd
from tests.hostile.tally import Tally

AT_ONCE = 100


async def flood(door: Door, count: int, clients: int, size: int = 20_000) -> Tally:
    """``count`` uploads of ``size`` bytes that are no photos, said to come from so many ``clients``.

    Behind a door that believes ``X-Forwarded-For``, each of those has a quota of its own.
    """
    tally = Tally()
    body = bytes(size)

    async def one(number: int) -> None:
        left = count // AT_ONCE
        while left:
            try:
                async with door.line() as line:
                    tally.connections += 1
                    while left:
                        left -= 1
                        who = (number + left * AT_ONCE) % clients
                        tally.requests += 1
                        sent = upload("/v1/photos", body, f"X-Forwarded-For: 198.51.{who // 256}.{who % 256}\r\n")
                        await line.send(sent)
                        answer = await line.answer()
                        tally.note(answer)
                        if answer is None or answer.headers.get("connection") == "close":
                            break
            except OSError:
                tally.note(None)
            except TimeoutError:
                tally.hangs += 1

    await crowd([partial(one, number) for number in range(AT_ONCE)], AT_ONCE)
    return tally
