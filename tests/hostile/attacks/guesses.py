"""Guesses at other clients' tasks."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from functools import partial

from tests.hostile.attacks.forms import ask
from tests.hostile.door import Answer, Door, crowd
from tests.hostile.tally import Tally

CALLS = (
    ("GET", "/v1/photos/{}"),
    ("GET", "/v1/photos/{}/events"),
    ("GET", "/v1/photos/{}/image"),
    ("DELETE", "/v1/photos/{}"),
    ("GET", "/v1/batches/{}"),
    ("GET", "/v1/batches/{}/events"),
    ("GET", "/v1/batches/{}/archive"),
    ("DELETE", "/v1/batches/{}"),
)

_OF_THIS_ANSWER = re.compile(rb"[0-9a-f]{32}")


def near_misses(task_id: str) -> list[str]:
    """What is almost the id, or would be to a careless reader."""
    changed = [
        task_id[:place] + ("0" if task_id[place] != "0" else "1") + task_id[place + 1 :]
        for place in range(len(task_id))
    ]
    written = [
        task_id.swapcase(),
        f"{task_id}%00",
        f"{task_id}%20",
        f"%20{task_id}",
        f"{task_id}%0a",
        f"{task_id}%2f",
        f"{task_id}.json",
        f"{task_id};v=1",
        f"{task_id}%3b",
        f"{task_id}%23",
        f"{task_id}*",
        f"{task_id[:-1]}?",
        f"{task_id}%ef%bb%bf",
        f"{task_id}%cc%81",
        f"{task_id[:-1]}%c1%a1",
        task_id * 2,
        task_id[::-1],
        "*",
        "%2a",
        "..",
        "%2e",
        "0",
        "-1",
        "null",
        "a" * 3000,
        "'%20OR%20'1'='1",
        "%7b%22$ne%22:null%7d",
    ]
    prefixes = [task_id[:length] for length in range(1, len(task_id))]
    return [*changed, *written, *prefixes]


def random_ids(count: int, like: str, seed: int) -> list[str]:
    """Of the same letters and length as ``like``."""
    pick = random.Random(seed)
    return ["".join(pick.choices("0123456789abcdef", k=len(like))) for _ in range(count)]


def kind_of(answer: Answer) -> tuple[int, str, bytes]:
    """The answer without what differs from one request to the next."""
    return answer.status, answer.headers.get("content-type", ""), _OF_THIS_ANSWER.sub(b"-", answer.body)


async def guess(
    door: Door, ids: Sequence[str], tally: Tally, headers: str = "", at_once: int = 20
) -> Counter[tuple[int, str, bytes]]:
    """Try every id with one of the calls; what was answered, and how often."""
    kinds: Counter[tuple[int, str, bytes]] = Counter()

    async def some(share: Sequence[str]) -> None:
        async with door.line() as line:
            tally.connections += 1
            for number, task_id in enumerate(share):
                method, path = CALLS[number % len(CALLS)]
                tally.requests += 1
                await line.send(ask(path.format(task_id), method, headers))
                answer = await line.answer()
                tally.note(answer)
                assert answer is not None, "the connection ended"
                kinds[kind_of(answer)] += 1

    size = 400  # of nginx's keepalive_requests
    shares = [ids[start : start + size] for start in range(0, len(ids), size)]
    await crowd([partial(some, share) for share in shares], at_once)
    return kinds
