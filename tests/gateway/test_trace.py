"""Trace context: read by the letter of the W3C, followed by background tasks, passed on over gRPC."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trace import TRACE, Trace, begin_trace, outgoing_headers
from gateway.triton import TritonClient
from limner.errors import InferenceUnavailable
from limner.options import parse_options

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


def begun(*headers: tuple[str, str]) -> Trace:
    return begin_trace([(name.encode(), value.encode("latin-1")) for name, value in headers])


def goes_on(traceparent: str) -> bool:
    return begun(("traceparent", traceparent)).trace_id == TRACE_ID


@pytest.mark.parametrize(
    ("traceparent", "flags"),
    [
        (f"00-{TRACE_ID}-{PARENT}-01", "01"),
        (f" 00-{TRACE_ID}-{PARENT}-00 ", "00"),
        (f"00-{TRACE_ID}-{PARENT}-ff", "03"),
        (f"cc-{TRACE_ID}-{PARENT}-01", "01"),
        (f"cc-{TRACE_ID}-{PARENT}-01-what-the-future-brings", "01"),
    ],
)
def test_trace_of_the_client_goes_on_with_a_span_of_ours(traceparent: str, flags: str) -> None:
    trace = begun(("traceparent", traceparent))
    assert trace.trace_id == TRACE_ID
    assert re.fullmatch("[0-9a-f]{16}", trace.span_id)
    assert trace.span_id != PARENT
    assert trace.headers() == {"traceparent": f"00-{TRACE_ID}-{trace.span_id}-{flags}"}


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "00",
        f"00-{TRACE_ID}-{PARENT}",
        f"00-{TRACE_ID}-{PARENT}-1",
        f"00-{TRACE_ID}-{PARENT}-01-",
        f"00-{TRACE_ID}-{PARENT}-01-more",
        f"cc-{TRACE_ID}-{PARENT}-01.more",
        f"cc-{TRACE_ID}-{PARENT}-01\n",
        f"ff-{TRACE_ID}-{PARENT}-01",
        f"00-{TRACE_ID.upper()}-{PARENT}-01",
        f"00-{TRACE_ID}-{PARENT}-0G",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00_{TRACE_ID}_{PARENT}_01",
        f"00-{TRACE_ID}-{PARENT}-01, 00-{TRACE_ID}-{PARENT}-01",
        f"0\u00b2-{TRACE_ID}-{PARENT}-01",
    ],
)
def test_malformed_traceparent_begins_a_new_trace(traceparent: str) -> None:
    trace = begun(("traceparent", traceparent), ("tracestate", "a=1"))
    assert trace.trace_id not in {TRACE_ID, "0" * 32}
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-03", trace.headers()["traceparent"])
    assert "tracestate" not in trace.headers()


def test_two_traceparents_begin_a_new_trace() -> None:
    parent = ("traceparent", f"00-{TRACE_ID}-{PARENT}-01")
    assert begun(parent).trace_id == TRACE_ID
    assert begun(parent, parent).trace_id != TRACE_ID


def test_every_request_has_ids_of_its_own() -> None:
    traces = [begun() for _ in range(20)]
    assert len({trace.trace_id for trace in traces}) == len({trace.span_id for trace in traces}) == 20


LONG = ",".join(f"k{number}={'v' * 60}" for number in range(10))


@pytest.mark.parametrize(
    ("states", "passed_on"),
    [
        (["a=1"], "a=1"),
        (["a=1 , ,b=2\t", "tenant@system=x y"], "a=1,b=2,tenant@system=x y"),
        (["0tenant@s=1"], "0tenant@s=1"),
        (["a=" + "v" * 256], "a=" + "v" * 256),
        ([LONG], LONG[: LONG.index(",k8=")]),
        (["a=" + "v" * 257], ""),
        (["a=1,a=2"], ""),
        (["A=1"], ""),
        (["0=1"], ""),
        (["a=1,b"], ""),
        (["a=1=2"], ""),
        (["a="], ""),
        (["a=\u00e9"], ""),
        (["a=1\r\nevil: 1"], ""),
        ([",".join(f"k{number}=1" for number in range(32))], ",".join(f"k{number}=1" for number in range(32))),
        ([",".join(f"k{number}=1" for number in range(33))], ""),
    ],
)
def test_tracestate_is_checked_and_bounded(states: list[str], passed_on: str) -> None:
    trace = begun(("traceparent", f"00-{TRACE_ID}-{PARENT}-01"), *(("tracestate", state) for state in states))
    assert trace.headers().get("tracestate", "") == passed_on


@given(st.lists(st.tuples(st.sampled_from([b"traceparent", b"tracestate"]), st.binary(max_size=80)), max_size=4))
def test_whatever_is_sent_what_is_passed_on_is_well_formed(headers: list[tuple[bytes, bytes]]) -> None:
    sent = begin_trace([(b"traceparent", f"00-{TRACE_ID}-{PARENT}-01".encode()), *headers]).headers()
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]", sent["traceparent"])
    assert re.fullmatch(r"[ -~]{0,512}", sent.get("tracestate", ""))


async def test_background_task_keeps_the_trace_of_its_request() -> None:
    released = asyncio.Event()

    async def background() -> dict[str, str] | None:
        await released.wait()
        return outgoing_headers()

    trace = begun()
    token = TRACE.set(trace)
    task = asyncio.create_task(background())
    TRACE.reset(token)
    released.set()
    assert outgoing_headers() is None
    assert await task == trace.headers()


@pytest.fixture
async def told() -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """A gRPC server that notes the metadata of every inference and has no model; its ``host:port`` and its notes."""
    notes: list[dict[str, str]] = []

    async def infer(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        notes.append({key: str(value) for key, value in context.invocation_metadata() or ()})
        await context.abort(grpc.StatusCode.UNAVAILABLE, "no model")
        return b""

    methods = {"ModelInfer": grpc.unary_unary_rpc_method_handler(infer)}
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("inference.GRPCInferenceService", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}", notes
    await server.stop(None)


async def test_triton_is_told_the_trace(told: tuple[str, list[dict[str, str]]]) -> None:
    url, notes = told
    client = TritonClient(url)
    trace = begun(("traceparent", f"00-{TRACE_ID}-{PARENT}-01"), ("tracestate", "a=1"))
    for current in (None, trace):
        token = TRACE.set(current)
        with pytest.raises(InferenceUnavailable):
            await client.enhance(b"photo", parse_options({}), request_id="1", timeout=30)
        TRACE.reset(token)
    await client.close()
    assert "traceparent" not in notes[0]
    assert (notes[1]["traceparent"], notes[1]["tracestate"]) == (f"00-{TRACE_ID}-{trace.span_id}-01", "a=1")
