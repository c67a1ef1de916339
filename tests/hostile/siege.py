"""An attack and all that is looked at meanwhile and afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.deploy.photos import QUICK, form, noise
from tests.hostile.books import Books, Peak, books, settled, watching
from tests.hostile.ordinary import Ordinary, ordinary
from tests.hostile.site import Site
from tests.hostile.tally import Tally


@dataclass
class Siege:
    """``after`` is there once the block has ended."""

    site: Site
    before: Books
    customer: Ordinary
    peak: Peak
    tally: Tally = field(default_factory=Tally)
    after: Books | None = None
    meanwhile: int = 0

    def figures(self) -> dict[str, object]:
        """For the table of reliability; memory in megabytes."""
        assert self.after is not None
        return {
            "connections": self.tally.connections,
            "requests": self.tally.requests,
            "statuses": {str(status): count for status, count in sorted(self.tally.statuses.items())},
            "closed_unanswered": self.tally.cut,
            "5xx": self.tally.faults,
            "hangs": self.tally.hangs,
            "crashes": 0,  # the books could not have been read
            "photos_of_others": self.customer.through,
            "photos_of_others_meanwhile": self.meanwhile,
            "photos_of_others_lost": len(self.customer.complaints),
            "rss_mb": {
                "before": round(self.before.rss / 1e6),
                "peak": round(self.peak.rss / 1e6),
                "after": round(self.after.rss / 1e6),
            },
            "handles": {"before": self.before.handles, "after": self.after.handles},
        }


@contextlib.asynccontextmanager
async def siege(site: Site) -> AsyncIterator[Siege]:
    """While the block attacks, an ordinary client sends photos; afterwards nothing may be left of either.

    Raises:
        AssertionError: the ordinary client was harmed, somebody hung, or something was not given back.
    """
    warm = site.gateway.client.post("/v1/enhance", files=form(noise(48)), data=QUICK)
    assert warm.status_code == 200, warm.text
    before = await books(site.gateway)
    async with watching(site.gateway) as peak:
        async with ordinary(site.door) as customer:
            begun = customer.through
            found = Siege(site, before, customer, peak)
            yield found
            found.meanwhile = customer.through - begun
        found.after = await settled(site.gateway, before)
    assert not customer.complaints, customer.complaints
    assert customer.through > begun
    assert found.tally.hangs == 0
    assert found.tally.faults == 0, found.tally.statuses
    assert found.tally.unadvised == 0, "a refusal does not say when to come again"
    told = faults_logged(site)
    assert told == [], f"the gateway tells of faults of its own: {told[:3]}"


def faults_logged(site: Site) -> list[str]:
    """Lines of the gateway's log at the level of errors."""
    return [line for line in site.gateway.log.read_text("utf-8").splitlines() if '"log.level": "error"' in line]
