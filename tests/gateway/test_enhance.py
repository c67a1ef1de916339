"""The answer of ``POST /v1/enhance`` on its way: counted and bounded like every other result."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from gateway.logs import FIELDS
from gateway.tasks import delivery as delivery_module
from limner.settings import Settings
from tests.gateway import fake_triton
from tests.gateway.conftest import Gateway, OpenGateway
from tests.gateway.fake_triton import FakeTriton, listening
from tests.gateway.tasks.test_desk import happens
from tests.hostile.attacks.forms import upload

pytestmark = pytest.mark.timeout(60)

MakePhoto = Callable[..., bytes]

RESULT = Random(5).randbytes(24_000_000)
"""More than kernels take for a client that does not read."""


@pytest.fixture
async def gateway(open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    monkeypatch.setattr(fake_triton, "RESULT", RESULT)
    settings = Settings(rate_limit="off", canary_interval=3600.0, max_held_bytes=len(RESULT) - 1)
    async with listening(FakeTriton()) as fake, open_gateway(settings, fake.address) as opened:
        yield opened


@pytest.fixture
def deliveries(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """What the audit log has of deliveries."""
    caplog.set_level(logging.INFO, "limner.audit")

    def noted() -> list[dict[str, Any]]:
        fields = [getattr(record, FIELDS, {}) for record in caplog.records if record.name == "limner.audit"]
        return [event for event in fields if event["event.action"] == "delivery"]

    return noted


@asynccontextmanager
async def asked(gateway: Gateway, photo: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """A client that has sent a photo, and reads as its reader is told to; gone without a word at the end."""
    url = gateway.client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
    try:
        writer.write(upload("/v1/enhance", photo, "Connection: close\r\n"))
        yield reader
    finally:
        writer.transport.abort()


async def test_a_result_on_its_way_fills_the_memory_until_it_has_arrived(
    gateway: Gateway, make_photo: MakePhoto, deliveries: Callable[[], list[dict[str, Any]]]
) -> None:
    services = gateway.services
    async with asked(gateway, make_photo()) as reader:
        start = await reader.read(20)
        assert (services.queue.admitted, services.desk.shelf.sending) == (0, len(RESULT))
        refused = await gateway.client.post("/v1/enhance", files={"file": make_photo()})
        assert (refused.status_code, deliveries()) == (503, [])
        head, _, body = (start + await reader.read()).partition(b"\r\n\r\n")
        await happens(lambda: bool(deliveries()))
    assert body == RESULT
    lines = head.lower().split(b"\r\n")
    for line in (b"content-length: %d" % len(RESULT), b"content-type: image/png", b"cache-control: no-store"):
        assert lines.count(line) == 1
    assert any(line.startswith(b"limner-report: {") for line in lines)
    (event,) = deliveries()
    assert (event["event.outcome"], event["limner.output.bytes"]) == ("success", len(RESULT))
    assert services.desk.shelf.sending == 0
    assert services.metrics.registry.get_sample_value("delivered_bytes_total") == len(RESULT)


async def test_whoever_goes_before_all_has_left_was_handed_nothing(
    gateway: Gateway, make_photo: MakePhoto, deliveries: Callable[[], list[dict[str, Any]]]
) -> None:
    async with asked(gateway, make_photo()) as reader:
        await reader.read(20)
    await happens(lambda: bool(deliveries()))
    (event,) = deliveries()
    assert (event["event.outcome"], event["error.type"]) == ("failure", "cancelled")
    assert "limner.task" not in event
    assert gateway.services.desk.shelf.sending == 0
    assert gateway.services.metrics.registry.get_sample_value("delivered_bytes_total") == 0


async def test_a_slow_download_is_broken_off(
    gateway: Gateway, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "GRACE_SECONDS", -1.0)  # whoever it is, it has had its time
    async with asked(gateway, make_photo()) as reader:
        _, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert len(body) < len(RESULT)
    assert gateway.services.desk.shelf.sending == 0
