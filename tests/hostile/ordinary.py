"""An ordinary client, who sends photos while others attack."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx

from tests.deploy.nginx_server import NAME
from tests.deploy.photos import QUICK, form, noise
from tests.hostile.door import PATIENCE, Door

SOURCE = "127.0.0.2"
"""Attackers come from others."""


@dataclass
class Ordinary:
    """What became of the requests; ``expected`` is the photo's result when all is quiet."""

    client: httpx.AsyncClient
    photo: bytes
    expected: bytes = b""
    through: int = 0
    sent_away: int = 0
    complaints: list[str] = field(default_factory=list)

    async def photo_through(self) -> None:
        """Send the photo until it is taken, as often as the server asks to be asked again."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            answer = await self.client.post("/v1/enhance", files=form(self.photo), data=QUICK)
            if answer.status_code == 200:
                break
            if answer.status_code not in {429, 503} or "retry-after" not in answer.headers:
                self.complaints.append(f"a photo met {answer.status_code} {answer.text}")
                return
            self.sent_away += 1
            if asyncio.get_running_loop().time() > deadline:
                self.complaints.append(f"no photo gets through: {answer.text}")
                return
            await asyncio.sleep(0.2)
        if self.expected and answer.content != self.expected:
            self.complaints.append("a photo's result is another one")
        self.expected = self.expected or answer.content
        self.through += 1

    async def another(self) -> None:
        """Wait until one more photo, sent after now, is through."""
        goal = self.through + 2
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while self.through < goal and not self.complaints:
            assert asyncio.get_running_loop().time() < deadline, "no photo gets through"
            await asyncio.sleep(0.05)

    async def alive(self) -> None:
        answer = await self.client.get("/healthz")
        if answer.status_code != 200:
            self.complaints.append(f"/healthz met {answer.status_code}")


@contextlib.asynccontextmanager
async def ordinary(door: Door, photo: bytes | None = None) -> AsyncIterator[Ordinary]:
    """Somebody who sends one photo after the other, each followed by a look at /healthz, while the block runs.

    One at least is sent before it and one after it.
    """
    scheme = "http" if door.tls is None else "https"
    transport = httpx.AsyncHTTPTransport(verify=door.tls or False, local_address=SOURCE, retries=1)
    base = f"{scheme}://{NAME}:{door.port}"
    async with httpx.AsyncClient(base_url=base, transport=transport, timeout=PATIENCE) as client:
        customer = Ordinary(client, photo or noise(48))
        await customer.photo_through()
        assert not customer.complaints, customer.complaints

        async def keep_on() -> None:
            while True:
                await customer.photo_through()
                await customer.alive()
                await asyncio.sleep(0.1)

        going_on = asyncio.create_task(keep_on())
        try:
            yield customer
        finally:
            going_on.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await going_on
        await customer.photo_through()
        await customer.alive()
