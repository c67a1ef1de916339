"""Records survive the way through a store."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.state.record import RUNNING, Record, Status

SECONDS = st.floats(0, 4e9)


@given(
    st.builds(
        Record,
        kind=st.sampled_from(("photo", "batch")),
        status=st.sampled_from(get_args(Status)),
        owner=st.text(),
        client=st.text(),
        salt=st.text("0123456789abcdef"),
        created=SECONDS,
        started=st.none() | SECONDS,
        finished=st.none() | SECONDS,
        expires=SECONDS,
        queue_position=st.none() | st.integers(1, 10_000),
        estimate=st.none() | SECONDS,
        result_bytes=st.integers(0, 2**40),
        error_message=st.none() | st.text(),
    )
)
def test_json_gives_the_same_record(record: Record) -> None:
    assert Record.from_json(record.to_json()) == record
    assert Record.from_json(record.to_json().encode()) == record


@pytest.mark.parametrize("status", get_args(Status))
def test_running_is_what_may_change(status: Status) -> None:
    assert Record("photo", status, "me", "", "", 0.0).running is (status in RUNNING)
    assert {"pending", "processing"} == RUNNING


def test_fields_of_a_newer_gateway_are_passed_over() -> None:
    record = Record("photo", "pending", "me", "key", "ab", 1.0)
    newer = json.dumps({**json.loads(record.to_json()), "colour_of_the_sky": "blue"})
    assert Record.from_json(newer) == record


def test_fields_that_an_older_gateway_lacks_have_their_defaults() -> None:
    older = json.dumps(
        {"kind": "photo", "status": "pending", "owner": "me", "client": "", "salt": "ab", "created": 1.0}
    )
    assert Record.from_json(older) == Record("photo", "pending", "me", "", "ab", 1.0)
