"""Photos that are sent at once, each its own way; drawn at random, the same each time."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.reliability import ways
from tests.reliability.outcome import Outcome
from tests.reliability.photos import CASES, Case
from tests.reliability.ways import Site

KEPT: dict[str, Callable[[Site, Case], Awaitable[Outcome]]] = {
    "at once": ways.at_once,
    "task": ways.as_task,
    "events": ways.by_events,
    "past the gateway": ways.past_the_gateway,
}
LEFT: dict[str, Callable[[Site, Case, float], Awaitable[None]]] = {
    "cancelled task": ways.cancelled_as_task,
    "gone away": ways.gone_away,
    "cancelled past the gateway": ways.cancelled_past_the_gateway,
}
BATCH = "batch"
MOST_BATCHES = 2
"""As many as a gateway takes at once by default."""


@dataclass(frozen=True)
class Guest:
    """One sender: ``cases`` are several for a batch only; ``seconds`` until it leaves, where it does not wait."""

    way: str
    cases: tuple[Case, ...]
    seconds: float = 0.0

    @property
    def expected_cases(self) -> tuple[Case, ...]:
        """What it gets the results of; all photos of a batch are enhanced alike."""
        if self.way in LEFT:
            return ()
        return tuple(dataclasses.replace(case, options=self.cases[0].options) for case in self.cases)

    async def visit(self, site: Site) -> list[Outcome]:
        if self.way == BATCH:
            return await ways.in_a_batch(site, self.cases)
        if self.way in LEFT:
            await LEFT[self.way](site, self.cases[0], self.seconds)
            return []
        return [await KEPT[self.way](site, self.cases[0])]


Crowd = list[Guest]


async def meet(gateways: Sequence[str], triton_url: str, crowd: Sequence[Guest]) -> list[tuple[str, Case, Outcome]]:
    """Send all of them at once: the way of each that waited, its photo, and what it got."""
    async with Site(gateways, triton_url) as site:
        came = await asyncio.gather(*(guest.visit(site) for guest in crowd))
    return [
        (guest.way, case, outcome)
        for guest, outcomes in zip(crowd, came, strict=True)
        for case, outcome in zip(guest.expected_cases, outcomes, strict=True)
    ]


def crowds(size: int) -> st.SearchStrategy[Crowd]:
    """Up to ``size`` at once, at most two batches among them."""
    quick = tuple(case for case in CASES if case.parameters.get("background") != "realesrgan")
    packable = tuple(case for case in quick if case.kind != "text" and case.seed < 25)
    waiting = st.builds(Guest, st.sampled_from(sorted(KEPT)), st.tuples(st.sampled_from(CASES)))
    leaving = st.builds(
        Guest, st.sampled_from(sorted(LEFT)), st.tuples(st.sampled_from(CASES)), st.sampled_from((0.0, 0.05, 0.2, 0.6))
    )
    batch = st.builds(
        Guest, st.just(BATCH), st.lists(st.sampled_from(packable), min_size=2, max_size=4, unique=True).map(tuple)
    )
    return st.builds(
        lambda kept, left, batches: (kept + left + batches)[-size:],
        st.lists(waiting, min_size=6, max_size=size),
        st.lists(leaving, max_size=2),
        st.lists(batch, max_size=MOST_BATCHES),
    )
