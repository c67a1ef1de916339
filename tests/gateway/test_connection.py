"""Clients that neither ask nor listen, and too many of them; over real sockets."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from gateway import connection
from tests.gateway.running import BODY, serving, until_closed

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("sent", [b"", b"GET /quick HTTP/1.1\r\nHost: x\r\n"], ids=["silence", "half a head"])
async def test_connection_without_a_whole_head_is_closed(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    async with serving() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await until_closed(reader) == b""
        writer.close()


@pytest.mark.parametrize("first", [b"", b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["new", "kept alive"])
async def test_dripping_head_is_cut_off(monkeypatch: pytest.MonkeyPatch, first: bytes) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    async with serving() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(first)
        if first:
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")

        async def drip() -> None:
            writer.write(b"GET /quick HTTP/1.1\r\n")
            while True:
                writer.write(b"a: b\r\n")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        await until_closed(reader)
        dripping.cancel()
        writer.close()


async def test_patient_clients_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow answer, and a pause between two requests, may take longer than a head."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    async with serving() as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for path in (b"slow", b"quick"):
            writer.write(b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % path)
            answer = await reader.readuntil(b'"%s"' % path)
            assert answer.startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.5)
        assert len(server.server_state.connections) == 1
        writer.close()


@pytest.mark.parametrize("header", [b"", b"Connection: close\r\n"], ids=["kept alive", "closed"])
async def test_client_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch, header: bytes) -> None:
    monkeypatch.setattr(connection, "STALL_SECONDS", 0.5)
    async with serving() as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n")
        await reader.readline()
        while server.server_state.connections:
            await asyncio.sleep(0.05)
        assert len(await until_closed(reader)) < len(BODY)
        writer.close()


@pytest.mark.parametrize("header", [b"", b"Connection: close\r\n"], ids=["kept alive", "closed"])
async def test_client_that_reads_slowly_gets_all(monkeypatch: pytest.MonkeyPatch, header: bytes) -> None:
    monkeypatch.setattr(connection, "STALL_SECONDS", 1.0)
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    async with serving() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        received = 0
        while received < len(BODY):
            received += len(await reader.readexactly(min(1_000_000, len(BODY) - received)))
            await asyncio.sleep(0.08)
        writer.close()


async def test_too_long_a_head_is_refused() -> None:
    async with serving() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /quick HTTP/1.1\r\nHost: x\r\na: " + b"b" * 20_000)
        assert (await reader.readline()).startswith(b"HTTP/1.1 400")
        writer.close()


async def test_a_broken_body_is_answered_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server refuses it in the same moment in which the application has an answer."""
    refused = asyncio.Event()
    refuse = connection.Connection.send_400_response

    def told(self: connection.Connection, msg: str) -> None:
        refuse(self, msg)
        refused.set()

    monkeypatch.setattr(connection.Connection, "send_400_response", told)
    async with serving() as (server, port):
        app = server.config.app
        assert isinstance(app, FastAPI)

        @app.post("/hasty")
        async def hasty() -> str:
            while not refused.is_set():
                await asyncio.sleep(0)
            return "an answer"

        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /hasty HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await asyncio.sleep(0.2)
        writer.write(b"no length\r\n")
        answer = await until_closed(reader)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 1)
    monkeypatch.setattr(connection, "MOST_CONNECTIONS", 2)
    async with serving() as (server, port):
        clients = [await asyncio.open_connection("127.0.0.1", port)]
        while len(server.server_state.connections) < 1:
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as second:
            crowded, health = await second.get("/quick"), await second.get("/healthz")
            assert (crowded.status_code, health.status_code) == (503, 200)
            assert crowded.json()["type"] == "urn:limner:problem:temporary-reduced-capacity"
            clients.append(await asyncio.open_connection("127.0.0.1", port))
            assert await until_closed(clients[1][0]) == b""
        clients[0][1].write(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await clients[0][0].readline()).startswith(b"HTTP/1.1 200")
        for _, writer in clients:
            writer.close()
