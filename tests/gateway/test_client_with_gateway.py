"""``limner.client`` and ``limner enhance --server`` with the real gateway in front of the real Triton."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gateway.access.keys import hash_of, new_key
from limner.client import AsyncLimner
from limner.errors import DamagedImage, FileTooLarge, Gone, NotFound, QuotaExceeded, Unauthorized, UnsupportedFormat
from limner.settings import PROJECT_ROOT, Settings
from tests.gateway.conftest import Gateway, OpenGateway

pytestmark = pytest.mark.timeout(300)

QUICK = {"background": "lanczos", "restorer": "none"}
SETTINGS: dict[str, Any] = {"canary_interval": 3600.0, "max_upload_bytes": 1_000_000}

MakePhoto = Callable[..., bytes]


@pytest.fixture
async def gateway(open_gateway: OpenGateway, triton_url: str) -> AsyncIterator[Gateway]:
    async with open_gateway(Settings(rate_limit="off", **SETTINGS), triton_url) as opened:
        yield opened


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[AsyncLimner]:
    async with AsyncLimner(address(gateway)) as client:
        yield client


def address(gateway: Gateway) -> str:
    return str(gateway.client.base_url)


def size_of(image: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(image)) as picture:
        return picture.size


async def test_a_photo_comes_back_at_once_and_as_a_task(client: AsyncLimner, make_photo: MakePhoto) -> None:
    photo = make_photo("PNG", (48, 32))
    result = await client.enhance(photo, filename="王芳.png", enhancement_level=3, **QUICK)
    assert (size_of(result.image), result.format, result.filename) == ((192, 128), "png", "王芳_enhanced.png")
    assert result.report["output"]["width"] == 192

    task = await client.submit(photo, filename="王芳.png", enhancement_level=3, **QUICK)
    events = [event async for event in task.events()]
    assert events[-1].name == "done"
    state = await task.wait(60)
    assert state.report is not None
    assert state.processing_time is not None
    fetched = await task.fetch()
    assert (fetched.image, fetched.filename, fetched.report) == (result.image, result.filename, state.report)
    with pytest.raises(Gone):
        await task.fetch()
    assert (await task.status()).status == "cleaned"
    with pytest.raises(NotFound):
        await client.task("0" * 32).status()


async def test_what_is_refused_is_an_error_of_its_class(client: AsyncLimner, make_photo: MakePhoto) -> None:
    with pytest.raises(UnsupportedFormat):
        await client.submit(b"%PDF-1.7")
    with pytest.raises(FileTooLarge):
        await client.submit(bytes(30_000_000))
    whole = make_photo("PNG", (200, 200))
    with pytest.raises(DamagedImage):
        await (await client.submit(whole[: len(whole) // 2])).wait(60)


async def test_an_archive_comes_back(client: AsyncLimner, make_photo: MakePhoto, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("照片/王芳.png", make_photo("PNG"))
        archive.writestr("broken.png", make_photo("PNG")[:60])
        archive.writestr("notes.txt", "no photo")
    batch = await client.submit_batch(tmp_path / "in.zip", **QUICK)
    state = await batch.wait(120)
    assert (state.total_files, state.processed_files, state.failed_files, state.skipped_files) == (3, 1, 1, 1)
    await batch.save(tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as result:
        assert result.testzip() is None
        assert set(result.namelist()) == {"照片/王芳.png", "report.json"}
        assert len(json.loads(result.read("report.json"))["photos"]) == 3
    with pytest.raises(Gone):
        await batch.save(tmp_path / "again.zip")
    assert not (tmp_path / "again.zip").exists()


async def test_models_readiness_and_deletion(client: AsyncLimner, make_photo: MakePhoto) -> None:
    assert (await client.models()).available("detector")
    await client.enhance(make_photo("PNG"), **QUICK)
    assert await client.ready()
    task = await client.submit(make_photo("PNG"), **QUICK)
    await task.delete()
    with pytest.raises(Gone):
        await task.wait(10)


async def test_a_key_and_its_limit(open_gateway: OpenGateway, triton_url: str, make_photo: MakePhoto) -> None:
    key = new_key()
    settings = Settings(api_keys=f"me:{hash_of(key)}", rate_limit="2/minute", **SETTINGS)
    async with open_gateway(settings, triton_url) as gateway:
        async with AsyncLimner(address(gateway)) as nobody:
            with pytest.raises(Unauthorized):
                await nobody.models()
        async with AsyncLimner(address(gateway), api_key=key, patience=1) as client:
            for _ in range(2):
                await client.enhance(make_photo("PNG"), **QUICK)
            with pytest.raises(QuotaExceeded) as refused:
                await client.enhance(make_photo("PNG"), **QUICK)
            assert 1 <= refused.value.retry_after <= 60


async def test_the_command_line(gateway: Gateway, make_photo: MakePhoto, tmp_path: Path) -> None:
    photos, out = tmp_path / "照片", tmp_path / "out"
    photos.mkdir()
    for name in ("a.jpg", "b.png", "王芳.webp"):
        (photos / name).write_bytes(make_photo(Image.registered_extensions()[Path(name).suffix]))
    (photos / "broken.png").write_bytes(make_photo("PNG")[:60])
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("c.png", make_photo("PNG"))
    command = [sys.executable, "-m", "cli.main", "enhance", photos, tmp_path / "more.zip", "-o", out, "--compare"]
    options = ["--background", "lanczos", "--restorer", "none", "--server", address(gateway)]
    run = await asyncio.create_subprocess_exec(
        *map(str, [*command, *options]),
        cwd=PROJECT_ROOT,
        env={**os.environ, "LIMNER_TRITON_URL": "127.0.0.1:1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, errors = (text.decode() for text in await run.communicate())
    assert run.returncode == 1, errors
    assert "1 of 5 photos failed." in errors
    assert "broken.png: " in said
    assert "48x32 -> 96x64" in said
    results = {"a.jpg", "b.png", "王芳.webp"}
    sheets = {f"{Path(name).stem}_compare.png" for name in results}
    assert {path.name for path in out.iterdir()} == results | sheets | {"more_enhanced.zip"}
