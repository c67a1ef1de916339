"""Zero storage in the gateway: what it writes, and what its memory holds once all is delivered."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.gateway.replica import Replica
from tests.memory_search import search, windows
from tests.write_trace import files_open_for_writing, require_tracing, traced_writes

pytestmark = pytest.mark.timeout(300)

QUICK = {"background": "lanczos", "restorer": "none", "output_format": "png"}


def noise(side: int, seed: int) -> bytes:
    """A PNG none of whose bytes is anywhere by accident."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG")
    return encoded.getvalue()


def zipped(photos: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for name, photo in photos.items():
            writer.writestr(name, photo)
    return archive.getvalue()


@pytest.fixture
def gateway(triton_url: str, tmp_path: Path) -> Iterator[Replica]:
    replica = Replica(
        triton_url, tmp_path / "log", LIMNER_AUDIT_LOG=str(tmp_path / "audit.log"), LIMNER_CANARY_INTERVAL="3600"
    )
    yield replica.wait()
    replica.stop()


def enhance_batch(gateway: Replica, archive: bytes) -> dict[str, bytes]:
    """Hand an archive in, wait for it and fetch it."""
    answer = gateway.client.post("/v1/batches", files={"file": ("a.zip", archive)}, data=QUICK)
    place = answer.headers["location"]
    while gateway.client.get(place).json()["status"] in {"pending", "processing"}:
        time.sleep(0.05)
    fetched = gateway.client.get(f"{place}/archive")
    assert fetched.status_code == 200, fetched.text
    with zipfile.ZipFile(io.BytesIO(fetched.content)) as reader:
        return {name: reader.read(name) for name in reader.namelist()}


def test_a_batch_is_written_nowhere_but_to_the_configured_logs(gateway: Replica, tmp_path: Path) -> None:
    """In all processes: the gateway, and those that it starts to unpack archives."""
    require_tracing()
    logs = {str(tmp_path / "log"), str(tmp_path / "audit.log")}
    archive = zipped({f"{number}.png": noise(200, number) for number in range(5)})
    with traced_writes([gateway.pid]) as trace:
        files = enhance_batch(gateway, archive)
        task_id = gateway.submit(noise(900, 9), QUICK)
        gateway.until(task_id, "completed")
        assert gateway.client.get(f"/v1/photos/{task_id}/image").status_code == 200
    assert len(files) == 6
    assert "write(" in trace.calls
    assert [line for line in trace.stored() if not any(f"<{log}>" in line for log in logs)] == []
    assert set(files_open_for_writing(gateway.pid)) <= logs
    text = "".join(Path(log).read_text("utf-8") for log in logs)
    assert task_id not in text
    assert ".png" not in text
    audit = [json.loads(line) for line in (tmp_path / "audit.log").read_text("utf-8").splitlines()]
    assert {line["event.action"] for line in audit} == {"upload", "processing", "delivery", "cleanup"}


def test_nothing_of_a_photo_stays_in_memory(gateway: Replica) -> None:
    """Neither of what was sent nor of what was made, by any of the three ways, once it is delivered."""
    require_tracing()
    photos = {name: noise(300, seed) for seed, name in enumerate(("batch-1.png", "batch-2.png", "task", "call"))}
    results = enhance_batch(gateway, zipped({name: photos[name] for name in ("batch-1.png", "batch-2.png")}))
    task_id = gateway.submit(photos["task"], QUICK)
    gateway.until(task_id, "completed")
    results["task"] = gateway.client.get(f"/v1/photos/{task_id}/image").content
    results["call"] = gateway.client.post("/v1/enhance", files={"file": photos["call"]}, data=QUICK).content
    results.pop("report.json")
    assert set(results) == set(photos)
    gateway.client.get("/v1/models")
    gateway.client.close()  # what a connection has read last lives as long as it does
    time.sleep(0.5)
    needles = {f"sent: {name}": windows(photo) for name, photo in photos.items()}
    needles |= {f"made: {name}": windows(result) for name, result in results.items()}
    children = [child.pid for child in psutil.Process(gateway.pid).children(recursive=True)]
    assert children == []
    assert [*map(str, search([gateway.pid], needles))] == []
