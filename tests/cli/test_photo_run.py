"""Many photos at once: what becomes of those that are done when the run ends early."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from cli import photo_run
from cli.outputs import plan_outputs
from cli.photo_run import Tell, enhance_photos
from cli.writable import require_writable
from gateway.triton import Enhanced
from limner.errors import InvalidOption, LimnerError, Unauthorized
from tests.limner.limner_server import REPORT


class Work:
    """The first photo waits for the second, and then for ever; the second is made; the third never is."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.second, self.begun = error, asyncio.Event(), list[str]()

    async def __call__(self, photo: Path, tell: Tell) -> Enhanced:
        self.begun.append(photo.stem)
        if photo.stem == "0":
            await self.second.wait()
            if self.error is not None:
                raise self.error
        if photo.stem == "1":
            self.second.set()
            return Enhanced(b"enhanced", "png", REPORT)
        never: asyncio.Future[Enhanced] = asyncio.get_running_loop().create_future()
        return await never


def photos_of(folder: Path) -> list[Path]:
    photos = [folder / f"{number}.png" for number in range(5)]
    for photo in photos:
        photo.write_bytes(b"photo")
    return photos


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


async def test_who_stops_keeps_what_waited_for_its_turn(tmp_path: Path) -> None:
    photos, work = photos_of(tmp_path), Work()
    run = asyncio.create_task(enhance_photos(photos, plan_outputs(photos, tmp_path / "out", ""), work, at_once=3))
    await work.second.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert written(tmp_path / "out") == {"1.png": b"enhanced"}
    assert work.begun == ["0", "1", "2"]


async def test_an_error_of_all_keeps_what_waited_for_its_turn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, work = photos_of(tmp_path), Work(Unauthorized("The key was taken back."))
    with pytest.raises(Unauthorized):
        await enhance_photos(photos, plan_outputs(photos, tmp_path / "out", ""), work, at_once=3)
    assert written(tmp_path / "out") == {"1.png": b"enhanced"}
    assert "1.png -> " in capsys.readouterr().out


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
async def test_a_full_disk_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    begun: list[str] = []

    async def work(photo: Path, tell: Tell) -> Enhanced:
        begun.append(photo.name)
        return Enhanced(b"enhanced", "png", REPORT)

    def full(files: Iterable[tuple[Path, bytes]]) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(photo_run, "write_together", full)
    photos = photos_of(tmp_path)
    with pytest.raises(LimnerError, match=rf"0\.png cannot be written \({os.strerror(code)}\)"):
        await enhance_photos(photos, plan_outputs(photos, tmp_path / "out", ""), work)
    assert begun == ["0.png"]


async def test_what_is_wrong_with_one_photo_ends_nothing(tmp_path: Path) -> None:
    photos = photos_of(tmp_path)

    async def work(photo: Path, tell: Tell) -> Enhanced:
        if photo == photos[1]:
            raise PermissionError(errno.EACCES, "Permission denied", str(photo))
        return Enhanced(b"enhanced", "png", REPORT)

    assert await enhance_photos(photos, plan_outputs(photos, tmp_path / "out", ""), work) == 1
    assert set(written(tmp_path / "out")) == {"0.png", "2.png", "3.png", "4.png"}


def test_trying_out_a_folder_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file").touch()
    for folder in ("there", "there/new/newer", "."):
        require_writable(tmp_path / folder)
    for folder in ("file", "file/new", "there/" + "x" * 300, "there/new/" + "x" * 300):
        with pytest.raises(InvalidOption, match=r"cannot be written .* with -o"):
            require_writable(tmp_path / folder)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")} == {"there", "file"}
