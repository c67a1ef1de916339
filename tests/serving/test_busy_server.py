"""A server that is only slow is not taken for one that is stuck."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import tritonclient.grpc as triton

from limner.canary import LIGHT_PARAMETERS
from serving import canary
from serving.canary import CanaryFailed, CanaryLate, CanaryRefused, send_canary, send_canary_among_others
from serving.photo_metrics import photos_finished
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor


def test_photos_that_went_through_are_counted(supervisor: Supervisor) -> None:
    before = photos_finished(supervisor.endpoint)
    with triton.InferenceServerClient(supervisor.endpoint.url) as client:
        send_canary(client, LIGHT_PARAMETERS, 60)
    assert photos_finished(supervisor.endpoint) > before


def test_no_answer_in_time_is_told_from_a_failure(supervisor: Supervisor) -> None:
    with triton.InferenceServerClient(supervisor.endpoint.url) as client, pytest.raises(CanaryLate, match="Deadline"):
        send_canary(client, LIGHT_PARAMETERS, 0.001)
    with triton.InferenceServerClient(f"127.0.0.1:{free_port()}") as client, pytest.raises(CanaryFailed) as failed:
        send_canary(client, LIGHT_PARAMETERS, 1)
    assert failed.type is CanaryFailed


@pytest.mark.parametrize("others", [True, False], ids=["others finished", "nothing finished"])
def test_a_late_canary_counts_where_nothing_else_was_finished(
    others: bool, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = send_canary

    def late(client: triton.InferenceServerClient, parameters: Mapping[str, str], timeout: float) -> None:
        if others:
            real(client, parameters, timeout)
        raise CanaryLate("It took too long.")

    monkeypatch.setattr(canary, "send_canary", late)
    with triton.InferenceServerClient(supervisor.endpoint.url) as client:
        with pytest.raises(CanaryFailed) as failed:
            send_canary_among_others(client, supervisor.endpoint, LIGHT_PARAMETERS, 60)
        assert failed.type is (CanaryRefused if others else CanaryLate)


def test_where_metrics_do_not_answer_a_late_canary_counts(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_: object) -> None:
        raise CanaryLate("It took too long.")

    monkeypatch.setattr(canary, "send_canary", late)
    silent = Endpoint(supervisor.endpoint.grpc, free_port())
    with triton.InferenceServerClient(silent.url) as client, pytest.raises(CanaryLate):
        send_canary_among_others(client, silent, LIGHT_PARAMETERS, 60)
