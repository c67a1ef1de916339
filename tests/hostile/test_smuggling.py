"""Requests in requests: they are never carried out, and nginx and the gateway never count differently."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.hostile.attacks.forms import ask
from tests.hostile.attacks.lying_frames import lies, request
from tests.hostile.attacks.smuggling import Case, bodies_of_every_call, cases, smuggle
from tests.hostile.door import crowd
from tests.hostile.frames import talk
from tests.hostile.logs import carried_out, passed_on
from tests.hostile.site import Site
from tests.hostile.tally import Tally

pytestmark = pytest.mark.timeout(120, func_only=True)

HIDDEN = ("DELETE", "/v1/batches/{batch_id}")

LENIENT = ("length b'0\\r'", "bare LF after a size", "bare LF after a chunk", "chunk shorter than said")
"""nginx takes CR CR LF and a bare LF for the end of a line, also where it ends a chunk. So what follows is a request of
its own, to nginx as to the gateway, which is told in nginx's words; a proxy before nginx might have seen one only."""

IGNORED = ("name b'\\xffTransfer-Encoding'",)
"""nginx drops a header of such a name, and goes by the length."""


def all_cases() -> list[Case]:
    return [*cases(), *cases("GET", "/v1/models"), *bodies_of_every_call()]


async def tried(site: Site, which: list[Case]) -> tuple[list[list[int]], Tally]:
    """The statuses of each case, from an address of its own."""
    tally = Tally()
    numbered = enumerate(which)
    members = [
        lambda number=number, case=case: smuggle(site.door, case, tally, f"127.0.6.{1 + number % 250}")
        for number, case in numbered
    ]
    return await crowd(members, 16), tally


def assert_answered_right(case: Case, statuses: list[int]) -> None:
    """Refused, or taken for one request with a body, which the one that follows it is answered after."""
    assert not any(status >= 500 and status != 503 for status in statuses), case.name
    if case.endless:
        assert len(statuses) <= 1, case.name
    elif case.sound and len(statuses) == 2:
        assert statuses[1] == 404, case.name
    else:
        assert len(statuses) <= 1, f"{case.name} was answered {statuses}"
        assert case.sound or statuses in ([], [400]), f"{case.name} was answered {statuses}"


async def test_the_gateway_carries_out_nothing_hidden(straight: Site) -> None:
    before = list(carried_out(straight).values()).count(HIDDEN)
    which = all_cases()
    answers, tally = await tried(straight, which)
    for case, statuses in zip(which, answers, strict=True):
        assert_answered_right(case, statuses)
    assert tally.hangs == 0
    assert list(carried_out(straight).values()).count(HIDDEN) == before
    assert len(which) > 300


async def test_through_nginx_nothing_hidden_is_carried_out(fronted: Site) -> None:
    before = list(carried_out(fronted).values()).count(HIDDEN)
    which = [case for case in all_cases() if case.name not in LENIENT]
    answers, tally = await tried(fronted, which)
    for case, statuses in zip(which, answers, strict=True):
        if case.name in IGNORED:
            assert statuses[1:] == [404], case.name
        else:
            assert_answered_right(case, statuses)
    assert tally.hangs == 0
    assert list(carried_out(fronted).values()).count(HIDDEN) == before


async def test_nginx_and_the_gateway_see_the_same_requests(fronted: Site) -> None:
    """Also where nginx takes for two requests what others may take for one."""
    earlier, known = carried_out(fronted), passed_on(fronted)
    which = [case for case in all_cases() if case.name in LENIENT]
    answers, _ = await tried(fronted, which)
    assert [len(statuses) for statuses in answers] == [3] * len(which)
    new = {name: what for name, what in carried_out(fronted).items() if name not in earlier}
    own = ("GET", "/healthz")  # asked of the gateway itself, to know that all lines are there
    through = {name: what for name, what in passed_on(fronted).items() if name not in known}
    assert [what for name, what in new.items() if name not in through] == [own]
    assert sorted(through.values()).count(HIDDEN) == len(which)
    assert all(what[0] == through[name][0] for name, what in new.items() if name in through)


async def test_lies_in_http2_are_carried_out_by_nobody(fronted: Site) -> None:
    earlier, known = carried_out(fronted), passed_on(fronted)
    for number, lie in enumerate(lies()):
        async with talk(fronted.door, f"127.0.7.{1 + number}") as said:
            await said.request(1, lie.fields, lie.body)
            status = await said.until_ended(1)
            assert status is None or status < 500 or status == 503, lie.name
            assert lie.sound or status in {None, 400}, f"{lie.name} was answered {status}"
            if not said.closed:
                await said.request(3, request())
                assert await said.until_ended(3) in ({200} if not said.closed else {200, None}), lie.name
    new = {name: what for name, what in carried_out(fronted).items() if name not in earlier}
    through = {name: what for name, what in passed_on(fronted).items() if name not in known}
    assert HIDDEN not in new.values()
    assert ("other", "/v1/photos") in through.values()  # its line is JSON, too, although it has no status
    # Not by id: where a body turns out to be a lie, nginx has no answer and so no id of the gateway's.
    asked = Counter([("GET", "/healthz")])  # of the gateway itself, to know that all lines are there
    assert Counter(new.values()) - Counter(through.values()) == asked


@pytest.mark.parametrize("late", [b"zz\r\n", b"0\r\nTransfer-Encoding: x\r\n\r\n"], ids=["chunk", "trailer"])
async def test_nonsense_after_the_answer_is_no_fault_of_the_gateway(straight: Site, late: bytes) -> None:
    before = straight.gateway.log.read_text("utf-8").count('"log.level": "error"')
    async with straight.door.line() as line:
        await line.send(ask("/nothing/here", "POST", "Transfer-Encoding: chunked\r\n"))
        answer = await line.answer()
        assert answer is not None
        assert answer.status == 404
        await line.send(late)
        assert await line.answer() is None
    assert straight.gateway.log.read_text("utf-8").count('"log.level": "error"') == before
