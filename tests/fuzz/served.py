"""The corpus through a gateway and Triton by HTTP, as anybody could send it."""

from __future__ import annotations

import io
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx
import psutil
from PIL import Image

from ensemble.decode import decode_photo
from limner.canary import LIGHT_PARAMETERS, SIDE, canary_png
from limner.errors import BY_TYPE
from tests.fuzz.corpus.case import Case

MAX_UPLOAD_BYTES = 20_000_000
OPTIONS = {**LIGHT_PARAMETERS, "enhancement_level": "2"}
SCALE = 2
_PROBLEM = "urn:limner:problem:"


@dataclass
class Figures:
    """What became of the images. Memory is that of Triton, its stubs and the gateway together, in bytes."""

    tried: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    server_errors: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    memory_before: int = 0
    memory_after: int = 0
    memory_most: int = 0

    @property
    def clean(self) -> bool:
        return not (self.server_errors or self.wrong or self.hangs)

    def to_json(self) -> dict[str, object]:
        return {**vars(self), "statuses": dict(self.statuses), "types": dict(self.types)}


def sample(cases: Iterable[Case], count: int, seed: int) -> list[Case]:
    """``count`` cases that may be sent; half of them of the kinds of which there are few: bombs and lies."""
    small = [case for case in cases if len(case.data) < MAX_UPLOAD_BYTES and case.data]
    special = [case for case in small if not case.name.startswith("good ")]
    chance = random.Random(seed)
    chosen = chance.sample(special, min(count // 2, len(special)))
    names = {case.name for case in chosen}
    return chosen + chance.sample([case for case in small if case.name not in names], count - len(chosen))


def memory_of(processes: Iterable[psutil.Process]) -> int:
    """Bytes that the processes have for themselves."""
    return sum(process.memory_full_info().uss for process in processes if process.is_running())


def send(client: httpx.Client, cases: Iterable[Case], processes: list[psutil.Process]) -> Figures:
    """Each case, one after the other; between them the canary's photo, which has to come back whole.

    ``processes`` are those whose memory is watched: the gateway, Triton and its stubs.
    """
    ask_canary(client)
    figures = Figures(memory_before=memory_of(processes))
    figures.memory_most = figures.memory_before
    for number, case in enumerate(cases):
        _send_one(client, case, figures)
        if number % 10 == 9:
            ask_canary(client)
            figures.memory_most = max(figures.memory_most, memory_of(processes))
    ask_canary(client)
    figures.memory_after = memory_of(processes)
    return figures


def ask_canary(client: httpx.Client) -> None:
    """A good photo is still enhanced."""
    answer = client.post("/v1/enhance", files={"file": canary_png()}, data=OPTIONS)
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as result:
        assert result.size == (SIDE * SCALE, SIDE * SCALE)


def _send_one(client: httpx.Client, case: Case, figures: Figures) -> None:
    started = time.monotonic()
    try:
        answer = client.post("/v1/enhance", files={"file": ("a.jpg", case.data)}, data=OPTIONS)
    except httpx.TimeoutException:
        figures.hangs.append(case.name)
        return
    figures.tried += 1
    figures.slowest = max(figures.slowest, (round(time.monotonic() - started, 2), case.name))
    figures.statuses[answer.status_code] += 1
    if answer.status_code >= 500:
        figures.server_errors.append(f"{case.name}: {answer.status_code} {answer.text[:300]}")
    elif fault := _fault(case, answer):
        figures.wrong.append(f"{case.name}: {fault}")
    if answer.status_code != 200 and answer.headers["content-type"] == "application/problem+json":
        figures.types[answer.json()["type"].removeprefix(_PROBLEM)] += 1


def _fault(case: Case, answer: httpx.Response) -> str:
    """What is wrong with an answer; empty where nothing is."""
    if answer.status_code == 200:
        photo = decode_photo(case.data).info
        with Image.open(io.BytesIO(answer.content)) as result:
            result.load()
            expected = (photo.width * SCALE, photo.height * SCALE)
            return "" if result.size == expected else f"{result.size} in place of {expected}"
    if answer.headers["content-type"] != "application/problem+json":
        return f"{answer.status_code} and no problem"
    kind = BY_TYPE.get(answer.json()["type"].removeprefix(_PROBLEM))
    if kind is None or kind.status != answer.status_code or not answer.json()["detail"]:
        return f"{answer.status_code} with {answer.text[:300]}"
    return ""
