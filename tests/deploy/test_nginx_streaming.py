"""What passes through nginx: byte for byte, piece by piece, and never by way of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.conftest import StartNginx
from tests.deploy.nginx_server import Nginx
from tests.deploy.photos import LARGE, QUICK, SLOW, form, noise
from tests.deploy.waiting import until
from tests.gateway.replica import Replica
from tests.write_trace import files_open_for_writing, require_tracing, traced_writes

pytestmark = pytest.mark.timeout(180, func_only=True)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_results_are_the_same_bytes_with_and_without_nginx(nginx: Nginx, gateway: Replica, image_format: str) -> None:
    photo = noise(64, image_format=image_format)
    through = nginx.client.post("/v1/enhance", files=form(photo), data=QUICK)
    straight = gateway.client.post("/v1/enhance", files=form(photo), data=QUICK)
    assert (through.status_code, straight.status_code) == (200, 200), through.text
    assert through.content == straight.content
    passed = {"content-type", "content-disposition", "cache-control", "content-security-policy"}
    assert {name: through.headers[name] for name in passed} == {name: straight.headers[name] for name in passed}
    assert through.headers["content-length"] == str(len(straight.content))


def test_an_upload_of_15_megabytes_and_its_result_are_on_no_disk(nginx: Nginx) -> None:
    require_tracing()
    photo = noise(2240)
    assert len(photo) > 15_000_000
    with traced_writes(nginx.pids) as trace:
        answer = nginx.client.post("/v1/photos", files=form(photo), data={**LARGE, "enhancement_level": "1"})
        place = answer.headers["location"]
        result = fetched(nginx, place)
    assert len(result) > 15_000_000
    assert "write" in trace.calls
    logs = {str(nginx.log), str(nginx.errors)}
    assert [line for line in trace.stored() if not any(f"<{log}>" in line for log in logs)] == []
    assert {name for pid in nginx.pids for name in files_open_for_writing(pid)} <= logs


def fetched(nginx: Nginx, place: str) -> bytes:
    until(lambda: nginx.client.get(place).json()["status"] not in {"pending", "processing"})
    return nginx.client.get(f"{place}/image").content


def test_a_request_that_would_be_buffered_in_a_file_fails(gateway: Replica, start_nginx: StartNginx) -> None:
    """Were the setting lost that streams uploads, photos would still not be stored."""
    buffering = start_nginx(
        f"127.0.0.1:{gateway.port}", changes={"proxy_request_buffering off": "proxy_request_buffering on"}
    )
    answer = buffering.client.post("/v1/enhance", files=form(noise(400)), data=QUICK)
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:limner:problem:internal-error"
    assert not any(Path(path).is_dir() for path in buffering.folder.glob("etc/limner/*"))


def test_events_come_while_the_work_goes_on(nginx: Nginx, gateway: Replica) -> None:
    task_id = gateway.submit(noise(150), SLOW)
    with nginx.client.stream("GET", f"/v1/photos/{task_id}/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        pieces = events.iter_text()
        first = next(pieces)
        assert gateway.state(task_id)["status"] in {"pending", "processing"}, "it was done before the first event came"
        rest = "".join(pieces)
    assert "event: done" not in first
    assert "event: done" in rest
    assert gateway.client.delete(f"/v1/photos/{task_id}").status_code == 200


@pytest.mark.parametrize("side", [16, 2240], ids=["small", "15 MB"])
def test_refusals_of_the_gateway_arrive_unchanged(
    triton_url: str, tmp_path: Path, start_nginx: StartNginx, side: int
) -> None:
    """Also those that come before the upload was read."""
    full = Replica(triton_url, tmp_path / "log", LIMNER_RATE_LIMIT="1/minute", LIMNER_TRUSTED_PROXIES="127.0.0.1")
    try:
        full.wait()
        nginx = start_nginx(f"127.0.0.1:{full.port}")
        assert nginx.client.post("/v1/enhance", files=form(noise(16)), data=QUICK).status_code == 200
        for _ in range(5):
            refused = nginx.client.post("/v1/enhance", files=form(noise(side)), data=QUICK)
            assert refused.status_code == 429
            assert refused.headers["content-type"] == "application/problem+json"
            assert int(refused.headers["retry-after"]) > 5, "this is nginx's own"
            assert refused.headers["ratelimit-policy"] == '"default";q=1;w=60'
            assert refused.json()["request_id"] == refused.headers["x-request-id"]
    finally:
        full.stop()
