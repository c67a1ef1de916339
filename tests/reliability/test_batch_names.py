"""Which photo of a batch gets which name does not depend on which is done first."""

from __future__ import annotations

import io
import time
import zipfile

import pytest

from tests.model_repository.photos import decode
from tests.reliability.conftest import StartGateway
from tests.reliability.photos import encoded
from tests.reliability.ways import RUNNING, opened

pytestmark = pytest.mark.timeout(120, func_only=True)

FIELDS = {"background": "lanczos", "restorer": "none", "output_format": "jpeg", "enhancement_level": "3"}


def test_the_first_keeps_its_name_though_it_takes_longest(start_gateway: StartGateway, triton_url: str) -> None:
    gateway = start_gateway(triton_url)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, side in (("照片.png", 400), ("照片.webp", 8), ("照片.jpg", 9)):
            archive.writestr(zipfile.ZipInfo(name), encoded("png", side, side, side))
    client = gateway.client
    place = client.post("/v1/batches", files={"file": ("a.zip", packed.getvalue())}, data=FIELDS).headers["location"]
    while client.get(place).json()["status"] in RUNNING:
        time.sleep(0.05)
    results, report = opened(client.get(f"{place}/archive").content)
    assert list(results) == [photo["result"] for photo in report["photos"]]
    assert list(results) == ["照片.jpg", "照片 (2).jpg", "照片 (3).jpg"]
    assert [decode(result).width for result in results.values()] == [1600, 32, 36]
