"""``limner enhance --folders``: the files that GFPGAN's script writes, whole, under names of their own."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cli.faces import face_files, face_lines
from cli.outputs import OutputPlan, find_photos, plan_outputs, write_together
from ensemble.photo import UInt8
from gateway.triton import EnhancedFaces, TritonClient
from limner.errors import InvalidOption
from limner.options import parse_options
from limner.settings import PROJECT_ROOT
from serving.supervisor import Supervisor
from tests.cli.test_enhance import limner
from tests.model_repository.photos import encode

pytest_plugins = ["tests.model_repository.identity_servers"]

ORANGE = (1.0, 0.6, 0.2)
"""What the stand-in for RestoreFormer multiplies a face by."""


@pytest.fixture
def faces() -> UInt8:
    """Two faces, as far as files are concerned."""
    return np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)


def pixels(path: Path) -> UInt8:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.uint8)


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_faces_are_named_as_gfpgan_names_them(faces: UInt8, tmp_path: Path) -> None:
    inverted = np.asarray(255 - faces, np.uint8)
    write_together(face_files(tmp_path, "王芳", "_hd", faces, inverted))
    plain = {f"{folder}/王芳_{number:02d}.png" for folder in ("cropped_faces", "cmp") for number in (0, 1)}
    assert files_below(tmp_path) == plain | {"restored_faces/王芳_00_hd.png", "restored_faces/王芳_01_hd.png"}
    assert np.array_equal(pixels(tmp_path / "cropped_faces/王芳_01.png"), faces[1])
    assert np.array_equal(pixels(tmp_path / "restored_faces/王芳_01_hd.png"), inverted[1])
    assert np.array_equal(pixels(tmp_path / "cmp/王芳_01.png"), np.hstack([faces[1], inverted[1]]))


def written(plan: OutputPlan, photo: Path, image_format: str, count: int) -> Iterator[Path]:
    image = encode(np.zeros((2, 2, 3), np.uint8))
    face = np.zeros((count, 1, 1, 3), np.uint8)
    enhanced = EnhancedFaces(image, image_format, {}, face, face)
    for path, _ in plan.files(plan.place(photo, image_format), image, enhanced):
        yield path


@given(
    st.lists(
        st.sampled_from([f"{folder}/{name}" for folder, name in product("ab", ["x", "x_2", "x_00", "x_compare", "X"])]),
        min_size=2,
        max_size=6,
    ),
    st.sampled_from(["", "2", "00", "compare"]),
    st.booleans(),
    st.booleans(),
)
def test_no_two_photos_write_the_same_file(names: list[str], suffix: str, folders: bool, sheets: bool) -> None:
    photos = [Path(f"{name}.{('jpg', 'png')[number % 2]}") for number, name in enumerate(names)]
    plan = plan_outputs(photos, Path("out"), suffix, folders=folders, sheets=sheets)
    formats = {".jpg": "jpeg", ".png": "png"}
    paths = [path for photo in photos for path in written(plan, photo, formats[photo.suffix], 2)]
    assert len({str(path).casefold() for path in paths}) == len(paths)
    assert all(path.parts[0] == "out" and len(path.parts) == (3 if folders else 2) for path in paths)


def test_one_name_for_all_that_belongs_to_a_photo() -> None:
    photos = [Path("a/x.jpg"), Path("b/x.png")]
    plan = plan_outputs(photos, Path("out"), "hd", folders=True)
    assert list(written(plan, photos[0], "jpeg", 0)) == [Path("out/restored_imgs/x_hd.jpg")]
    assert [str(path) for path in written(plan, photos[1], "png", 1)] == [
        "out/cropped_faces/x_2_00.png",
        "out/restored_faces/x_2_00_hd.png",
        "out/cmp/x_2_00.png",
        "out/restored_imgs/x_2_hd.png",
    ]


def test_a_photo_is_never_replaced_by_a_result(tmp_path: Path) -> None:
    photos = [tmp_path / "x.jpg", tmp_path / "x_2.jpg"]
    plan = plan_outputs(photos, tmp_path, "")
    assert [plan.place(photo, "jpeg").result.name for photo in photos] == ["x_3.jpg", "x_2_2.jpg"]


def test_a_photo_is_not_replaced_where_the_file_system_takes_capitals_for_small_letters(tmp_path: Path) -> None:
    photo = tmp_path / "Photos" / "IMG_1.JPG"
    for folder in (photo.parent, tmp_path / "photos"):
        assert plan_outputs([photo], folder, "").place(photo, "jpeg").result == folder / "IMG_1_2.jpg"
    sheet = tmp_path / "X_compare.PNG"
    with pytest.raises(InvalidOption, match="would replace the photo"):
        plan_outputs([sheet], tmp_path / "x.png", "", sheets=True)


def test_a_result_of_another_format_than_was_named_does_not_replace_the_photo(tmp_path: Path) -> None:
    """Transparency makes a PNG of what was to be photo.jpg, and photo.png is the input."""
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"the original")
    plan = plan_outputs([photo], tmp_path / "photo.jpg", "")
    assert plan.place(photo, "jpeg").result == tmp_path / "photo.jpg"
    assert plan.place(photo, "png").result == tmp_path / "photo_2.png"
    named = plan_outputs([photo], photo, "")
    assert named.place(photo, "png").result == photo, "named by the user"


def test_a_sheet_does_not_replace_the_photo(tmp_path: Path) -> None:
    photo = tmp_path / "x_compare.png"
    photo.write_bytes(b"the original")
    with pytest.raises(InvalidOption, match=r"would replace the photo .*x_compare\.png"):
        plan_outputs([photo], tmp_path / "x.png", "", sheets=True)
    assert plan_outputs([photo], tmp_path / "y.png", "", sheets=True).file == tmp_path / "y.png"


@pytest.mark.parametrize(
    ("output", "suffix", "message"),
    [("face.png", "", "Name a folder with -o"), ("out", "/../../etc/x", "Name that with -o"), ("out", "a/b", "suffix")],
)
def test_what_would_write_elsewhere_is_refused(output: str, suffix: str, message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        plan_outputs([Path("x.jpg")], Path(output), suffix, folders=True)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            write_together([(tmp_path / "old.png", b"new"), (tmp_path / "sub/large.png", bytes(2000))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files_below(tmp_path) == {"old.png"}
    assert (tmp_path / "old.png").read_bytes() == b"old"


def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path) -> None:
    def interrupted() -> Iterator[tuple[Path, bytes]]:
        yield tmp_path / "a.png", b"a"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_together(interrupted())
    assert not files_below(tmp_path)


def test_a_link_in_the_folder_of_results_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.png").write_bytes(b"mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/x.png").symlink_to(tmp_path / "elsewhere.png")
    write_together([(tmp_path / "out/x.png", b"new")])
    assert (tmp_path / "elsewhere.png").read_bytes() == b"mine"
    assert (tmp_path / "out/x.png").read_bytes() == b"new"


def test_what_is_no_photo_is_passed_over_with_a_line(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.webp", "._a.jpg", *(f"{number}.txt" for number in range(7))):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    photos, lines = find_photos((tmp_path,))
    assert [photo.name for photo in photos] == ["a.webp", "b.JPG"]
    assert lines == [f"{tmp_path}: 8 passed over, no JPEG, PNG or WebP: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt, ..."]


def test_each_face_is_told_with_what_an_operator_looks_at_first() -> None:
    face = {"box": [10.4, 20.0, 40.0, 60.5], "score": 0.98765, "restored": True}
    metrics = {"face_quality_score": 0.8, "before": {"face_quality_score": 0.25}}
    good = {"quality_metrics": {**metrics, "reasons": {"before": ["blurred"], "after": []}}}
    bad = {"quality_metrics": {**metrics, "reasons": {"before": [], "after": ["blurred", "turned"]}}}
    known = {"identity": {"likeness": 0.5, "action": "blended", "share_of_input": 0.25}}
    aligned = {"box": [0, 0, 9, 9], "score": None, "restored": False, "identity": None}
    assert face_lines({"faces": [face, face | good | known, face | bad, aligned]}) == [
        "face 1: 30x40 at 10,20, restored, score 0.988",
        "face 2: 30x40 at 10,20, restored, score 0.988, likeness 0.50 (blended), quality 0.25 -> 0.80, usable",
        "face 3: 30x40 at 10,20, restored, score 0.988, quality 0.25 -> 0.80, not usable: blurred turned",
        "face 4: 9x9 at 0,0, not restored",
    ]
    assert face_lines({"faces": [face] * 12})[10:] == ["and 2 more faces"]


@pytest.fixture(scope="module")
def url(identity_supervisor: Supervisor) -> str:
    """Of a server where GFPGAN gives faces back as they are, and RestoreFormer in orange."""
    return identity_supervisor.endpoint.url


def test_a_command_of_gfpgan_runs_as_it_is(tmp_path: Path, portrait: UInt8, url: str) -> None:
    inputs, out = tmp_path / "照片", tmp_path / "out"
    inputs.mkdir()
    (inputs / "王芳.jpg").write_bytes(encode(portrait, "JPEG"))
    (inputs / "王芳.png").write_bytes(encode(portrait))
    (inputs / "broken.jpg").write_bytes((inputs / "王芳.jpg").read_bytes()[:700])
    (inputs / "notes.txt").touch()
    command = "-v RestoreFormer -s 2 --bg_upsampler none --bg_tile 400 --suffix hd --ext png -w 0.5 --folders"
    run = limner("enhance", "-i", inputs, "-o", out, *command.split(), triton_url=url)

    assert run.returncode == 1, run.stderr
    assert "1 of 3 photos failed." in run.stderr
    assert "1 passed over, no JPEG, PNG or WebP: notes.txt" in run.stderr
    assert "--bg_tile has no effect." in run.stderr
    assert "broken.jpg: The JPEG breaks off" in run.stdout
    assert run.stdout.count("  face 1: ") == 2
    assert files_below(out) == {
        *(f"restored_imgs/{name}_hd.png" for name in ("王芳", "王芳_2")),
        *(f"restored_faces/{name}_00_hd.png" for name in ("王芳", "王芳_2")),
        *(f"{folder}/{name}_00.png" for folder in ("cropped_faces", "cmp") for name in ("王芳", "王芳_2")),
    }
    before, after = pixels(out / "cropped_faces/王芳_00.png"), pixels(out / "restored_faces/王芳_00_hd.png")
    assert before.shape == (512, 512, 3)
    assert before.std() > 10
    assert np.abs(after - np.multiply(before, ORANGE)).max() <= 1
    assert np.array_equal(pixels(out / "cmp/王芳_00.png"), np.hstack([before, after]))
    assert pixels(out / "restored_imgs/王芳_hd.png").shape == (200, 180, 3)


def test_without_a_restored_face_there_is_the_result_only(tmp_path: Path, portrait: UInt8, url: str) -> None:
    (tmp_path / "photo.jpg").write_bytes(encode(portrait, "JPEG"))
    out = tmp_path / "out"
    options = ["--restorer", "none", "--folders", "--compare"]
    run = limner("enhance", tmp_path / "photo.jpg", "-o", out, *options, triton_url=url)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "No face was restored" in run.stdout
    assert files_below(out) == {"restored_imgs/photo.jpg", "restored_imgs/photo_compare.png"}


@pytest.mark.parametrize("aligned", [False, True])
async def test_faces_come_with_the_same_result(portrait: UInt8, url: str, aligned: bool) -> None:
    client = TritonClient(url)
    options = parse_options({"restorer": "restoreformer", "aligned": aligned, "background": "lanczos"})
    try:
        alone = await client.enhance(encode(portrait), options, request_id="", timeout=300)
        with_faces = await client.enhance_with_faces(encode(portrait), options, request_id="", timeout=300)
    finally:
        await client.close()
    assert with_faces.image == alone.image
    assert with_faces.report["faces"] == alone.report["faces"]
    assert len(with_faces.cropped) == len(with_faces.restored) == 1
    assert np.abs(with_faces.restored - np.multiply(with_faces.cropped, ORANGE)).max() <= 1


def test_ctrl_c_between_photos_keeps_what_is_done(tmp_path: Path, portrait: UInt8, url: str) -> None:
    for number in range(40):
        (tmp_path / f"{number:02d}.png").write_bytes(encode(portrait))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "cli.main", "enhance", str(tmp_path), "-o", str(out), "--folders"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=PROJECT_ROOT, env=os.environ | {"LIMNER_TRITON_URL": url}, **pipes) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "Traceback" not in errors
    results = {Path(name).stem for name in files_below(out) if name.startswith("restored_imgs/")}
    assert {"00"} <= results < {f"{number:02d}" for number in range(40)}
    faces = product(("cropped_faces", "restored_faces", "cmp"), results)
    assert files_below(out) == {
        *(f"restored_imgs/{name}.png" for name in results),
        *(f"{folder}/{name}_00.png" for folder, name in faces),
    }
    assert all(pixels(out / name).size for name in files_below(out))
