"""Heads, paths and forms that no client of good will sends."""

from __future__ import annotations

import gzip

import pytest

from tests.deploy.photos import noise
from tests.hostile.attacks.forms import BOUNDARY, ask, upload
from tests.hostile.attacks.heads import forms, heads, knock
from tests.hostile.attacks.lying_frames import endless_headers, questions, rapid_resets, request
from tests.hostile.books import settled
from tests.hostile.door import Answer, crowd
from tests.hostile.frames import talk
from tests.hostile.siege import siege
from tests.hostile.site import Site

pytestmark = pytest.mark.timeout(120, func_only=True)

FORM = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"

SECRETS = (b"root:", b"[project]", b"Traceback", b"process_open_fds", b"nginx/", b"uvicorn", b"pydantic")
"""Of files, of /metrics, and of what programs say about themselves."""


async def test_strange_requests_are_refused_and_tell_nothing(site: Site) -> None:
    requests = [
        *heads(),
        *forms("/v1/photos", noise(16)),
        *forms("/v1/batches", b"PK\x03\x04"),
        *forms("/v1/models", b""),
    ]
    async with siege(site) as under:

        async def one(number: int, sent: bytes) -> list[Answer]:
            return await knock(site.door, sent, under.tally, f"127.0.8.{1 + number % 250}")

        members = [lambda number=number, sent=sent: one(number, sent) for number, sent in enumerate(requests)]
        answers = await crowd(members, 16)
        for sent, said in zip(requests, answers, strict=True):
            for answer in said:
                assert answer.status < 500 or answer.status == 503, sent[:80]
                assert not any(secret in answer.body for secret in SECRETS), sent[:80]
                assert "x-injected" not in answer.headers
                assert answer.status != 202 or sent.startswith(b"POST /v1/photos "), sent[:80]
            fine = b"/healthz" in sent or sent.startswith((b"GET /?", b"POST /v1/photos"))
            assert fine or not said or said[0].status >= 400, sent[:80]
        for answer in (answer for said in answers for answer in said if answer.status == 202):
            assert site.gateway.client.delete(answer.headers["location"]).status_code == 200
    assert under.peak.rss - under.before.rss < 100e6


async def test_a_head_that_is_too_long_is_refused_however_it_comes(straight: Site) -> None:
    for sent in (ask("/healthz", headers=f"X-Long: {'a' * 20_000}\r\n"), ask("/" + "a" * 20_000)):
        answer = await straight.door.ask(sent)
        assert answer is not None
        assert answer.status == 400


async def test_bodies_that_would_unpack_to_much_are_not_unpacked(site: Site) -> None:
    bomb = gzip.compress(bytes(200_000_000), 1)
    async with siege(site) as under:
        for path in ("/v1/enhance", "/v1/photos", "/v1/batches"):
            head = ask(path, "POST", f"{FORM}Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n")
            for sent in (head + bomb, upload(path, bomb, "Content-Encoding: gzip\r\n")):
                answer = await site.door.ask(sent, "127.0.9.1")
                under.tally.requests += 1
                under.tally.note(answer)
                assert answer is not None
                assert answer.status in {400, 415}
    assert under.peak.rss - under.before.rss < 60e6


async def test_floods_of_frames_are_nginx_s_to_end(fronted: Site) -> None:
    """Requests taken back at once, heads without an end, questions without number."""
    async with siege(fronted) as under:
        for number, attack in enumerate((rapid_resets, endless_headers, questions)):
            async with talk(fronted.door, f"127.0.9.{10 + number}") as said:
                await attack(said, 5000)
                under.tally.connections += 1
                under.tally.requests += 5000
        for number in range(20):
            async with talk(fronted.door, f"127.0.9.{20 + number}") as said:
                await rapid_resets(said, 1000)  # each takes a connection to the gateway, as fast as they come
        async with talk(fronted.door) as said:
            await said.request(1, request())
            assert await said.until_ended(1) == 200
        await under.customer.another()
    await settled(fronted.gateway, under.before)
