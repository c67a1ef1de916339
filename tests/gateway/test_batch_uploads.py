"""What an uploaded archive is, is decided once, before anything is noted of it."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from gateway.logs import FIELDS
from limner.settings import Settings
from tests.gateway.archives.making import rar_of, zip_of
from tests.gateway.conftest import OpenGateway
from tests.gateway.tasks.test_desk import Store, happens

pytestmark = pytest.mark.timeout(60)

SETTINGS = Settings(rate_limit="off", canary_interval=3600.0)


@pytest.mark.parametrize("program", [b"", b"MZ" + bytes(100)], ids=["plain", "self-extracting"])
@pytest.mark.parametrize(("kind", "pack"), [("zip", zip_of), ("rar", rar_of)])
async def test_it_is_noted_as_what_it_is(
    open_gateway: OpenGateway,
    make_photo: Callable[..., bytes],
    caplog: pytest.LogCaptureFixture,
    kind: str,
    pack: Callable[[list[tuple[str, bytes]]], bytearray],
    program: bytes,
) -> None:
    caplog.set_level(logging.INFO, "limner.audit")
    archive = program + pack([("a.png", make_photo())])
    async with open_gateway(SETTINGS) as gateway:
        answer = await gateway.client.post("/v1/batches", files={"file": archive})
        assert answer.status_code == 202, answer.text
        metrics = gateway.services.metrics.render().decode()
    assert f'uploads_total{{format="{kind}",kind="batch"}} 1.0' in metrics
    noted = [getattr(record, FIELDS, {}) for record in caplog.records if record.name == "limner.audit"]
    assert [event["limner.input.type"] for event in noted if event["event.action"] == "upload"] == [kind]


@pytest.mark.parametrize(
    ("archive", "status", "reason"),
    [(b"no archive", 415, "unsupported-format"), (b"", 400, "empty-image")],
    ids=["text", "empty"],
)
async def test_what_is_none_never_reaches_the_store(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch, archive: bytes, status: int, reason: str
) -> None:
    monkeypatch.setattr("gateway.app.open_store", lambda _: Store())
    async with open_gateway(SETTINGS) as gateway:
        services = gateway.services
        assert isinstance(services.store, Store)
        answer = await gateway.client.post("/v1/batches", files={"file": archive})
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:limner:problem:{reason}")
        assert "write" not in services.store.called
        await happens(lambda: services.queue.admitted == 0)
        assert services.batches.active == 0
        assert f'uploads_refused_total{{reason="{reason}"}} 1.0' in services.metrics.render().decode()
