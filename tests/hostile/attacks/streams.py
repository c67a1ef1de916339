"""Event streams that come again and again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial

from tests.hostile.attacks.forms import ask
from tests.hostile.door import Door, crowd
from tests.hostile.tally import Tally

_LAST = (
    "",
    "Last-Event-ID: 1\r\n",
    "Last-Event-ID: -9999999999999999999999\r\n",
    "Last-Event-ID: " + "9" * 3000 + "\r\n",
    "Last-Event-ID: \xff\xfe\r\n",
    "Last-Event-ID: ../../etc/passwd\r\n",
    "Last-Event-ID: %0d%0aevent:%20done\r\n",
    "Last-Event-ID: 1\r\nLast-Event-ID: 2\r\n",
    "Accept: text/plain;q=0\r\n",
)


async def reconnect(door: Door, paths: Sequence[str], clients: int, times: int, seed: int) -> Tally:
    """Each of ``clients`` asks for the events of one of ``paths``, takes something or nothing, and breaks off."""
    tally = Tally()

    async def one(number: int) -> None:
        pick = random.Random(seed * 1000 + number)
        for _ in range(times):
            try:
                async with door.line(f"127.0.3.{1 + number % 200}") as line:
                    tally.connections += 1
                    tally.requests += 1
                    request = ask(f"{pick.choice(paths)}/events", headers=pick.choice(_LAST))
                    await line.send(request.decode().encode("latin-1"))
                    if pick.random() < 0.2:
                        tally.cut += 1  # by us: nothing was waited for
                    else:
                        first = await line.first_line()
                        if first is None:
                            tally.note(None)
                        else:
                            tally.statuses[first] += 1
                    if pick.random() < 0.5:
                        line.reset()
            except OSError:
                tally.note(None)
            except TimeoutError:
                tally.hangs += 1

    await crowd([partial(one, number) for number in range(clients)], clients)
    return tally
