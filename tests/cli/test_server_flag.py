"""``limner enhance --server``: photos and archives sent to a gateway, here a small one that follows the contract."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cli.archives import failures, is_archive, plan_archives
from cli.outputs import find_photos
from cli.photo_run import Bars
from cli.remote import plain_key_notice
from limner.errors import InvalidOption
from limner.settings import PROJECT_ROOT
from tests.limner.limner_server import REPORT, listening, problem, state

SLOW_SECONDS = 0.5


class Gateway:
    """Enlarges photos by two, fails those that are none, keeps each result until it is fetched."""

    def __init__(self) -> None:
        self.url = ""
        self.refuse = 0
        self.quota = False
        self.endless = False
        self.forms: list[dict[str, str]] = []
        self.keys: list[str | None] = []
        self.files: dict[str, tuple[str, bytes]] = {}
        self.deleted: list[str] = []
        self.working = self.most_working = 0
        self.app = Starlette(
            routes=[
                Route("/v1/{kind}", self.submit, methods=["POST"]),
                Route("/v1/{kind}/{id}", self.status, methods=["GET"]),
                Route("/v1/{kind}/{id}", self.delete, methods=["DELETE"]),
                Route("/v1/{kind}/{id}/events", self.events, methods=["GET"]),
                Route("/v1/{kind}/{id}/{result}", self.result, methods=["GET"]),
            ]
        )

    async def submit(self, request: Request) -> Response:
        self.keys.append(request.headers.get("authorization"))
        if self.quota:
            return problem("quota-exceeded", "Ten are taken a minute.", Retry_After="86400")
        if self.refuse:
            self.refuse -= 1
            return problem("temporary-reduced-capacity", Retry_After="0")
        async with request.form() as form:
            file = form["file"]
            assert isinstance(file, UploadFile)
            task = f"task{len(self.forms)}"
            self.files[task] = (file.filename or "", await file.read())
            self.forms.append({name: value for name, value in form.items() if isinstance(value, str)})
        if self.forms[-1].get("restorer") == "codeformer":
            return problem("invalid-option", "restorer=codeformer is not available here.")
        return JSONResponse({"task_id": task, "batch_id": task, "status": "pending", "message": ""}, 202)

    async def status(self, request: Request) -> Response:
        return JSONResponse(self._state(request))

    def _state(self, request: Request) -> dict[str, Any]:
        task = request.path_params["id"]
        content = self.files[task][1]
        more: dict[str, Any] = {"task_id": task, "batch_id": task, "processing_time": 1.5}
        if request.path_params["kind"] == "batches":
            more |= {"total_files": 4, "processed_files": 2, "failed_files": 1, "skipped_files": 1}
        elif content.startswith(b"bad"):
            return state("failed", **more, error_type="damaged-image", error_message="The JPEG breaks off.")
        return state("completed", **more, progress=1, report={**REPORT, "notes": ["照片 \x1b[31mnote"]})

    async def events(self, request: Request) -> Response:
        async def told() -> AsyncIterator[bytes]:
            self.working += 1
            self.most_working = max(self.most_working, self.working)
            yield b': hello\n\nevent: queue\ndata: {"queue_position": 1}\n\n'
            progress = self._state(request) | {"status": "processing", "progress": 0.3}
            yield f"event: progress\ndata: {json.dumps(progress)}\n\n".encode()
            while self.endless:
                await asyncio.sleep(0.05)
            await asyncio.sleep(SLOW_SECONDS if self.files[request.path_params["id"]][0].startswith("slow") else 0)
            self.working -= 1
            yield f"event: done\ndata: {json.dumps(self._state(request))}\n\n".encode()

        return StreamingResponse(told(), media_type="text/event-stream")

    async def result(self, request: Request) -> Response:
        _, content = self.files.pop(request.path_params["id"])
        target = io.BytesIO()
        if request.path_params["kind"] == "photos":
            with Image.open(io.BytesIO(content)) as photo:
                photo.resize((2 * photo.width, 2 * photo.height)).save(target, photo.format)
                return Response(target.getvalue(), media_type=f"image/{(photo.format or '').lower()}")
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("王芳.jpg", b"enhanced")
            failed = {"name": "b\x1b.jpg", "status": "failed", "error": {"type": "x", "message": "It breaks off."}}
            archive.writestr(
                "report.json", json.dumps({"photos": [{"name": "王芳.jpg", "status": "completed"}, failed]})
            )
        return Response(target.getvalue(), media_type="application/zip")

    async def delete(self, request: Request) -> Response:
        self.deleted.append(request.path_params["id"])
        return JSONResponse({"status": "cleaned"})


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    running = Gateway()
    with listening(running.app) as running.url:
        yield running


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "cli.main", "enhance", *map(str, arguments)]


def limner(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    # Were a server of its own started, this one would be asked, and is not there.
    environment = {**os.environ, "LIMNER_TRITON_URL": "127.0.0.1:1", "COLUMNS": "200", **environment}
    return subprocess.run(
        command(*arguments), cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def make_photo(path: Path, size: tuple[int, int] = (4, 6)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 120, 150)).save(path)
    return path


def make_archive(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jpg", b"photo")
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_folder_is_enhanced_by_the_server(gateway: Gateway, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    make_photo(photos / "slow.jpg", (8, 6))
    make_photo(photos / "slow.png")
    (photos / "bad.jpg").write_bytes(b"bad")
    for number in range(4):
        make_photo(photos / f"王芳{number}.webp")
    make_photo(tmp_path / "more" / "slow.jpg")
    gateway.refuse = 2
    out = tmp_path / "out"
    flags = "-s 4 -w 0.7 -v 1.4 --bg_upsampler none --quality 80 --suffix hd --compare"
    options = [*flags.split(), "--server", gateway.url]
    run = limner(photos, tmp_path / "more", "-o", out, *options, LIMNER_API_KEY="limner_k")

    assert run.returncode == 1, run.stderr
    assert run.stderr == "1 of 8 photos failed.\n"
    lines = [line for line in run.stdout.splitlines() if not line.startswith("  ")]
    assert [line.partition(" -> ")[0].partition(": ")[0] for line in lines] == [
        str(photos / name) for name in ("bad.jpg", "slow.jpg", "slow.png", *(f"王芳{n}.webp" for n in range(4)))
    ] + [str(tmp_path / "more/slow.jpg")]
    assert lines[0].endswith("bad.jpg: The JPEG breaks off.")
    assert "slow_hd.jpg  2x3 -> 4x6  0.0 s" in lines[1]
    assert "  background: lanczos; faces found: 0, not restored (no weights)\n  照片 [31mnote\n" in run.stdout
    results = {"slow_hd.jpg", "slow_2_hd.png", "slow_3_hd.jpg", *(f"王芳{number}_hd.webp" for number in range(4))}
    assert names(out) == results | {f"{name.rpartition('.')[0]}_compare.png" for name in results}
    with Image.open(out / "slow_hd.jpg") as first:
        assert first.size == (16, 12), "the first of two equal names keeps it, although it took longest"
    assert gateway.most_working in {2, 3}
    assert [name for name, _ in gateway.files.values()] == ["bad.jpg"], "the others were fetched"
    assert set(gateway.keys) == {"Bearer limner_k"}
    expected = {"enhancement_level": "3", "fidelity": "0.7", "restorer": "gfpgan", "background": "lanczos"}
    assert gateway.forms == [{**expected, "quality": "80"}] * 8


def test_one_photo_becomes_the_file_named(gateway: Gateway, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "a.png")
    run = limner(photo, "-o", tmp_path / "b.png", "--suffix", "hd", LIMNER_SERVER=gateway.url)
    assert run.returncode == 0, run.stdout + run.stderr
    assert names(tmp_path) == {"a.png", "b.png"}
    assert run.stderr == "--suffix has no effect, for -o names the file.\n"
    assert gateway.forms == [{"output_format": "png"}]
    assert gateway.keys == [None]


def test_archives_are_sent_as_batches(gateway: Gateway, tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "照片.zip")
    other = make_archive(tmp_path / "other" / "照片.archive")
    photo = make_photo(tmp_path / "a.jpg")
    out = tmp_path / "out"
    run = limner(archive, other, photo, "-o", out, "--suffix", "hd", "--compare", "--server", gateway.url)
    assert run.returncode == 1, run.stdout + run.stderr
    assert run.stderr == "--compare makes no sheets of photos in archives.\n2 of 7 photos failed.\n"
    assert f"{archive} -> {out / '照片_enhanced_hd.zip'}  2 enhanced, 1 failed, 1 passed over  1.5 s" in run.stdout
    assert run.stdout.count("\n  b.jpg: It breaks off.\n") == 2
    assert names(out) == {"照片_enhanced_hd.zip", "照片_enhanced_2_hd.zip", "a_hd.jpg", "a_hd_compare.png"}
    with zipfile.ZipFile(out / "照片_enhanced_hd.zip") as result:
        assert result.read("王芳.jpg") == b"enhanced"
    assert not gateway.files


def test_an_archive_becomes_the_file_named(gateway: Gateway, tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "a.zip")
    run = limner("-i", archive, "-o", tmp_path / "new/b.zip", "--server", gateway.url)
    assert run.returncode == 1
    assert names(tmp_path / "new") == {"b.zip"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.jpg", "--folders"], "--folders needs the faces one by one, which the HTTP API does not give."),
        (["a.jpg", "a.zip", "-o", "out.zip"], "out.zip is one file, but there are 2 inputs."),
        (["a.zip", "-o", "out.jpg"], "out.jpg is a picture, but an archive gives a ZIP."),
        (["a.zip", "--suffix", "a/b"], "would lead to another folder"),
        (["a.jpg", "b.jpg", "--restorer", "codeformer"], "restorer=codeformer is not available here."),
        (["a.jpg", "--server", "127.0.0.1:8000"], "The server is '127.0.0.1:8000'; name it like http://"),
        (["a.jpg", "--server", "http://127.0.0.1:1"], "http://127.0.0.1:1 cannot be reached"),
    ],
)
def test_what_cannot_be_done_is_said_once(gateway: Gateway, tmp_path: Path, arguments: list[str], message: str) -> None:
    make_photo(tmp_path / "a.jpg")
    make_photo(tmp_path / "b.jpg")
    make_archive(tmp_path / "a.zip")
    paths = [str(tmp_path / text) if text.endswith((".jpg", ".zip")) else text for text in arguments]
    if "-o" not in arguments:
        paths += ["-o", str(tmp_path / "out")]
    run = limner(*paths, LIMNER_SERVER=gateway.url)
    assert run.returncode == 1
    assert (run.stdout + run.stderr).count(message) == 1, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    assert names(tmp_path) == {"a.jpg", "b.jpg", "a.zip"}


def test_a_used_up_quota_or_a_dead_server_ends_the_command(gateway: Gateway, tmp_path: Path) -> None:
    for number in range(9):
        make_photo(tmp_path / f"{number}.jpg")
    gateway.quota = True
    run = limner(tmp_path, "-o", tmp_path / "out", "--server", gateway.url)
    assert (run.returncode, run.stdout, run.stderr) == (1, "", "limner: Ten are taken a minute.\n")
    run = limner(tmp_path, "-o", tmp_path / "out", "--server", "http://127.0.0.1:1")
    assert run.returncode == 1
    assert (run.stdout + run.stderr).count("cannot be reached") == 3


@pytest.mark.parametrize("flags", [[], ["--compare"]])
@pytest.mark.parametrize("kind", ["jpg", "zip"])
def test_where_nothing_can_be_written_nothing_is_sent(
    gateway: Gateway, tmp_path: Path, kind: str, flags: list[str]
) -> None:
    source = make_photo(tmp_path / "a.jpg") if kind == "jpg" else make_archive(tmp_path / "a.zip")
    (tmp_path / "file").touch()
    for output in (tmp_path / "file" / "out", tmp_path / "file"):
        run = limner(source, "-o", output, *flags, "--server", gateway.url)
        assert run.returncode == 1
        assert f"limner: {output} cannot be written (" in run.stderr
        assert "Traceback" not in run.stderr
    assert not gateway.keys


def test_a_name_that_is_no_text_or_an_emoji_is_printed(gateway: Gateway, tmp_path: Path) -> None:
    for name in ("1:x:.jpg", "2照片.jpg", os.fsdecode(b"3\xd5\xd5.jpg")):
        make_photo(tmp_path / "old" / name)
    run = limner(tmp_path / "old", "-o", tmp_path / "out", "--server", gateway.url, PYTHONIOENCODING="ascii:strict")
    assert (run.returncode, run.stderr) == (0, "")
    told = [line.rpartition("/")[2].split("  ")[0] for line in run.stdout.splitlines() if " -> " in line]
    assert told == ["1:x:.jpg", "2\\u7167\\u7247.jpg", "3\\udcd5\\udcd5.jpg"]
    assert len(names(tmp_path / "out")) == 3


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_who_stops_leaves_nothing_behind(gateway: Gateway, tmp_path: Path, sent: signal.Signals) -> None:
    for number in range(4):
        make_photo(tmp_path / f"{number}.jpg")
    gateway.endless = True
    arguments = command(tmp_path, "-o", tmp_path / "out", "--server", gateway.url)
    with subprocess.Popen(
        arguments, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        deadline = time.monotonic() + 60
        while gateway.working < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        run.send_signal(sent)
        _, errors = run.communicate(timeout=60)
        while len(gateway.deleted) < 3 and time.monotonic() < deadline:  # the last call may be sent, and not read yet
            time.sleep(0.05)
        gateway.endless = False
    assert run.returncode == 1
    assert "Traceback" not in errors
    assert sorted(gateway.deleted) == ["task0", "task1", "task2"]
    assert not (tmp_path / "out").exists()


def test_archives_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    for name, content in {
        "a": b"PK\x03\x04x",
        "b": b"PK\x05\x06",
        "c": b"Rar!\x1a\x07\x01\x00",
        "d": b"Rar!\x1a\x07\x00",
    }.items():
        (tmp_path / name).write_bytes(content)
        assert is_archive(tmp_path / name)
    (tmp_path / "e.zip").write_bytes(b"no archive")
    assert not is_archive(tmp_path / "e.zip")
    assert not is_archive(tmp_path)
    assert find_photos(()) == ([], [])


def test_no_archive_is_replaced_by_a_result(tmp_path: Path) -> None:
    archives = [tmp_path / name for name in ("a.zip", "a_enhanced.zip", "sub/a.rar")]
    plan = plan_archives(archives, tmp_path, "", others=0)
    assert [target.name for _, target in plan] == ["a_enhanced_2.zip", "a_enhanced_enhanced.zip", "a_enhanced_3.zip"]
    capitals = tmp_path / "A_enhanced.ZIP"
    ((_, target), _) = plan_archives([tmp_path / "a.zip", capitals], tmp_path, "", others=0)
    assert target.name == "a_enhanced_2.zip", "some file systems take both for one"
    assert plan_archives(archives[:1], tmp_path / "a.zip", "_hd", others=0) == [(archives[0], tmp_path / "a.zip")]
    (tmp_path / "folder.zip").mkdir()
    assert plan_archives(archives[:1], tmp_path / "folder.zip", "", others=3)[0][1].parent.name == "folder.zip"
    with pytest.raises(InvalidOption, match="2 inputs"):
        plan_archives(archives[:1], tmp_path / "b.zip", "", others=1)


def test_failures_of_an_archive_are_told_whatever_its_report_is(tmp_path: Path) -> None:
    failed = {"name": "x.jpg", "status": "failed", "error": {"message": "Why."}}
    for report, expected in (
        (
            json.dumps({"photos": [failed] * 22}),
            ["x.jpg: Why."] * 20 + ["and 2 more; report.json in the ZIP names all"],
        ),
        ('{"photos": [1]}', ["its report.json cannot be read"]),
        ("[", ["its report.json cannot be read"]),
    ):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("report.json", report)
        assert list(failures(tmp_path / "a.zip")) == expected
    (tmp_path / "a.zip").write_bytes(b"none")
    assert list(failures(tmp_path / "a.zip")) == ["its report.json cannot be read"]


def test_a_key_in_the_clear_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not plain_key_notice("http://photos.example")
    monkeypatch.setenv("LIMNER_API_KEY", "limner_geheim")
    (notice,) = plain_key_notice("http://photos.example")
    assert "photos.example unencrypted" in notice
    assert "geheim" not in notice
    assert not plain_key_notice("https://photos.example")
    assert not plain_key_notice("http://localhost:8000")


def test_a_name_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    with Bars(1) as bars, bars.one("[/red].jpg") as tell:
        tell("[/bold]", 0.5)
        bars.say("[/red].jpg")
    assert "[/red].jpg" in capsys.readouterr().out
