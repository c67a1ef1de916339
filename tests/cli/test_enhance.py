"""``limner enhance`` as its users call it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, PngImagePlugin

from cli.enhance_command import enhance
from cli.outputs import comparison_sheet, plan_outputs
from ensemble.photo import UInt8
from limner.errors import InvalidOption
from limner.settings import PROJECT_ROOT

FLAGS_ELSEWHERE = {
    "GFPGAN": (
        "-i --input -o --output -v --version -s --upscale --bg_upsampler --bg_tile --suffix --only_center_face "
        "--aligned --ext -w --weight"
    ),
    "Real-ESRGAN": (
        "-i --input -n --model_name -o --output -dn --denoise_strength -s --outscale --model_path --suffix -t --tile "
        "--tile_pad --pre_pad --face_enhance --fp32 --alpha_upsampler --ext -g --gpu-id"
    ),
    "CodeFormer": (
        "-i --input_path -o --output_path -w --fidelity_weight -s --upscale --has_aligned --only_center_face "
        "--draw_box --detection_model --bg_upsampler --face_upsample --bg_tile --suffix --save_video_fps"
    ),
}
"""Of the scripts inference_gfpgan.py 1.3.8, inference_realesrgan.py 0.3.0 and inference_codeformer.py 0.1.0."""


def limner(*arguments: str | Path, triton_url: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"LIMNER_TRITON_URL": triton_url} if triton_url else {})}
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *map(str, arguments)],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path, portrait: UInt8) -> Path:
    """Three good photos, two of them of the same name, a broken one and a text."""
    photos = tmp_path / "照片"
    photos.mkdir()
    Image.fromarray(portrait).save(photos / "王芳.jpg")
    Image.fromarray(portrait).save(photos / "王芳.png")
    Image.fromarray(portrait).save(photos / "other.webp")
    (photos / "broken.jpg").write_bytes((photos / "王芳.jpg").read_bytes()[:700])
    (photos / "notes.txt").write_text("not a photo")
    return photos


def test_one_photo_with_an_embedded_server(tmp_path: Path, portrait: UInt8, models_dir: Path) -> None:
    Image.fromarray(portrait).save(tmp_path / "photo.jpg")
    run = limner("enhance", tmp_path / "photo.jpg", "-o", tmp_path / "out.png", "-s", "4", "--compare")
    assert run.returncode == 0, run.stderr
    with Image.open(tmp_path / "out.png") as result:
        assert (result.format, result.size) == ("PNG", (360, 400))
    with Image.open(tmp_path / "out_compare.png") as sheet:
        assert sheet.size == (2 * 360 + 8, 400)
    assert "90x100 -> 360x400" in run.stdout
    assert "faces found: 1" in run.stdout


def test_folder_with_a_broken_photo_loses_nothing_else(folder: Path, tmp_path: Path, triton_url: str) -> None:
    run = limner(
        "enhance", folder, "-o", tmp_path / "out", "--suffix", "hd", "--background", "lanczos", triton_url=triton_url
    )
    assert run.returncode == 1
    assert "broken.jpg: The JPEG breaks off" in run.stdout
    assert "1 of 4 photos failed" in run.stderr
    made = {}
    for path in (tmp_path / "out").iterdir():
        with Image.open(path) as image:
            made[path.name] = image.size
    assert made == {"王芳_hd.jpg": (180, 200), "王芳_hd.png": (180, 200), "other_hd.webp": (180, 200)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--quality", "0"], "quality"),
        (["--restorer", "magic"], "gfpgan"),
        (["-v", "1.4"], "limner: restorer=gfpgan is not available here: "),
        (["--ext", "png", "-o", "out.jpg"], "contradict"),
    ],
)
def test_bad_options_say_what_is_accepted_once(
    folder: Path, tmp_path: Path, triton_url: str, arguments: list[str], message: str
) -> None:
    photos = [folder / "other.webp"]
    if "-o" not in arguments:
        arguments = [*arguments, "-o", str(tmp_path / "out")]
        photos.append(folder / "王芳.jpg")
    run = limner("enhance", *photos, *arguments, triton_url=triton_url)
    assert run.returncode == 1
    assert (run.stdout + run.stderr).count(message) == 1
    assert "Traceback" not in run.stderr


def test_too_large_a_file_is_refused_before_it_is_read(tmp_path: Path, triton_url: str) -> None:
    with (tmp_path / "fat.jpg").open("wb") as file:
        file.truncate(30_000_000)
    run = limner("enhance", tmp_path / "fat.jpg", "-o", tmp_path / "out", triton_url=triton_url)
    assert run.returncode == 1
    assert "30.0 MB; at most 20 MB" in run.stdout


def test_server_that_is_not_there(folder: Path, tmp_path: Path) -> None:
    run = limner("enhance", folder / "other.webp", "-o", tmp_path / "out", triton_url="127.0.0.1:1")
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "out").exists()


def test_plan_numbers_equal_names_and_never_lets_an_ending_lie() -> None:
    plan = plan_outputs([Path("a/x.jpg"), Path("b/x.jpg")], Path("out"), "")
    assert [plan.place(Path(name), "jpeg").result.name for name in ("a/x.jpg", "b/x.jpg")] == ["x.jpg", "x_2.jpg"]
    assert plan_outputs([Path("x.png")], Path("y.jpg"), "").place(Path("x.png"), "png").result == Path("y.png")
    with pytest.raises(InvalidOption, match="folder"):
        plan_outputs([Path("a.jpg"), Path("b.jpg")], Path("y.jpg"), "")


@pytest.mark.parametrize("script", FLAGS_ELSEWHERE)
def test_flags_of_other_scripts_work_or_say_what_to_do(script: str) -> None:
    known = {flag for option in enhance.params for flag in option.opts}
    for flag in set(FLAGS_ELSEWHERE[script].split()) - known:
        run = CliRunner().invoke(enhance, [str(PROJECT_ROOT), flag, "1"])
        assert run.exit_code == 2
        assert re.search(r"No such option '\S+'\. \S.*\.$", run.output.strip()), flag


def test_an_unknown_flag_is_no_photo() -> None:
    run = CliRunner().invoke(enhance, [str(PROJECT_ROOT), "--wieght", "1"])
    assert (run.exit_code, "--weight" in run.output) == (2, True)
    assert CliRunner().invoke(enhance, []).output.endswith("Name a photo or a folder.\n")


def test_docs_have_every_flag_and_default() -> None:
    page = (PROJECT_ROOT / "docs/cli.md").read_text("utf-8")
    table = page.partition("\n## Flags\n")[2].partition("\n## ")[0]
    defaults = dict(re.findall(r"^\| (`.+?`) \| (.*?) \|", table, re.MULTILINE))
    for option in enhance.params:
        if isinstance(option, click.Option):
            default = defaults[", ".join(f"`{flag}`" for flag in option.opts)]
            assert not option.show_default or default == f"`{option.default}`", option.opts
    for script, flags in FLAGS_ELSEWHERE.items():
        (theirs,) = re.findall(rf"\n### {script}\n(.*?)(?=\n##|\Z)", page, re.DOTALL)
        missing = [flag for flag in flags.split() if f"`{flag}`" not in theirs]
        assert not missing, script


def test_sheet_shows_both_at_the_size_of_the_result(portrait: UInt8, tmp_path: Path) -> None:
    Image.fromarray(portrait).save(tmp_path / "a.png")
    Image.fromarray(255 - portrait).resize((180, 200)).save(tmp_path / "b.png")
    (tmp_path / "sheet.png").write_bytes(
        comparison_sheet((tmp_path / "a.png").read_bytes(), (tmp_path / "b.png").read_bytes())
    )
    with Image.open(tmp_path / "sheet.png") as sheet, Image.open(tmp_path / "b.png") as after:
        assert sheet.crop((188, 0, 368, 200)).tobytes() == after.tobytes()


def test_sheet_shows_what_the_server_saw(tmp_path: Path) -> None:
    """16-bit gray, which Pillow alone shows white; and text in the file that Pillow alone refuses."""
    deep = cv2.imencode(".png", np.full((8, 8), 40_000, np.uint16))[1].tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("note", "x" * 3_000_000, zip=True)
    target = io.BytesIO()
    Image.new("RGB", (8, 8), (10, 200, 30)).save(target, "PNG", pnginfo=text)
    for before, expected in ((deep, (156, 156, 156)), (target.getvalue(), (10, 200, 30))):
        with Image.open(io.BytesIO(comparison_sheet(before, target.getvalue()))) as sheet:
            assert sheet.getpixel((3, 3)) == expected
