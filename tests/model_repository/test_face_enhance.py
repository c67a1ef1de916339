"""The whole pipeline, by gRPC, with the real networks."""

from __future__ import annotations

import io
import queue
import struct
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tritonclient.grpc as triton
from PIL import Image
from tritonclient.utils import InferenceServerException

from ensemble.photo import UInt8
from limner.errors import from_wire
from perf.grids import grid_of
from perf.served import ServedModel, served_file
from tests.model_repository.photos import decode, encode

Enhance = Callable[..., tuple[bytes, dict[str, Any]]]
LIGHT = {"background": "lanczos"}


def sharpness(image: Image.Image) -> float:
    return float(cv2.Laplacian(np.asarray(image.convert("L")), cv2.CV_64F).var())


def test_portrait_comes_back_twice_as_large_sharper_and_with_its_face(enhance: Enhance, portrait: UInt8) -> None:
    photo = encode(portrait, "JPEG", quality=90)
    result, report = enhance(photo)
    image = decode(result)
    assert image.format == "JPEG"
    assert image.size == (180, 200)
    plain = Image.fromarray(portrait).resize(image.size, Image.Resampling.BICUBIC)
    assert sharpness(image) > 2 * sharpness(plain)
    # Sharper, but the same picture: what is left after blurring both is the same.
    blurred = [cv2.GaussianBlur(np.asarray(each), (0, 0), 4).astype(float) for each in (image, plain)]
    assert np.abs(blurred[0] - blurred[1]).mean() < 4

    assert report["input"] | {"bytes": 0} == {
        "width": 90, "height": 100, "format": "jpeg", "mode": "RGB", "bit_depth": 8, "frames": 1, "bytes": 0
    }  # fmt: skip
    assert report["output"] == {"width": 180, "height": 200, "format": "jpeg", "bit_depth": 8, "bytes": len(result)}
    (face,) = report["faces"]
    assert face["score"] > 0.97
    left, top, right, bottom = face["box"]
    assert all(left < x < right and top < y < bottom for x, y in face["landmarks"])
    (left_eye, right_eye, nose, *mouth) = face["landmarks"]
    assert left_eye[0] < nose[0] < right_eye[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(corner[1] for corner in mouth)
    assert report["models"]["background"]["variant"] == "RealESRGAN_x4plus"
    assert report["models"]["detector"]["name"] == "retinaface"
    assert report["models"]["face_restorer"]["name"] is None
    assert report["models"]["face_restorer"]["reason"]
    assert set(report["milliseconds"]) == {"decode", "detect", "restore", "upscale", "encode", "measure", "total"}
    assert report["milliseconds"]["total"] >= report["milliseconds"]["upscale"]


@pytest.mark.parametrize(("level", "scale"), [(1, 1), (2, 2), (3, 4), (4, 8)])
def test_levels(enhance: Enhance, portrait: UInt8, level: int, scale: int) -> None:
    result, report = enhance(encode(portrait), {"enhancement_level": level})
    assert decode(result).size == (90 * scale, 100 * scale)
    assert report["models"]["background"]["name"] == "realesrgan_x4"


# INT8 turns the small differences that a tile's surroundings make into steps of its scale, wherever they are.
@pytest.mark.parametrize(("precision", "decibels"), [("fp32", 45), ("served", 38)])
def test_tiles_leave_no_seams(
    precision: str, decibels: float, astronaut: UInt8, models_dir: Path, request: pytest.FixtureRequest
) -> None:
    """Against the network run on the whole picture at once."""
    enhance = request.getfixturevalue("enhance_in_fp32" if precision == "fp32" else "enhance")
    folder = request.getfixturevalue("fp32_models_dir") if precision == "fp32" else models_dir
    pixels = np.asarray(cv2.resize(astronaut[0:424, 40:440], (292, 292), interpolation=cv2.INTER_AREA), np.uint8)
    result, _ = enhance(encode(pixels), {"enhancement_level": 3, "restorer": "none"})
    tiled = np.asarray(decode(result)).astype(float)

    network = folder / "realesrgan_x4"
    served = ServedModel("realesrgan_x4", network, "1", served_file("realesrgan_x4", network / "1"))
    whole = served.infer({"TILE": pixels[None]})["UPSCALED"][0].astype(float)
    error = tiled - whole
    assert 10 * np.log10(255**2 / np.mean(error**2)) >= decibels

    grid = grid_of(*pixels.shape[:2])
    assert grid.count(*pixels.shape[:2]) == 4
    for axis, length in enumerate(pixels.shape[:2]):
        borders = [4 * span.keep_to for span in grid.spans(length)[:-1]]
        step = np.abs(np.diff(tiled, axis=axis)) - np.abs(np.diff(whole, axis=axis))
        excess = step.mean(axis=tuple(other for other in range(3) if other != axis))
        elsewhere = np.delete(excess, [border - 1 for border in borders])
        # The step across a border is no larger than in the untiled picture, as far as it varies elsewhere.
        assert all(excess[border - 1] < 0.5 + elsewhere.max() for border in borders)


def test_same_photo_gives_the_same_bytes(enhance: Enhance, portrait: UInt8) -> None:
    assert enhance(encode(portrait))[0] == enhance(encode(portrait))[0]


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGBA", "LA"])
def test_colour_models(enhance: Enhance, portrait: UInt8, mode: str) -> None:
    file_format = "JPEG" if mode == "CMYK" else "PNG"
    result, report = enhance(encode(portrait, file_format, mode), LIGHT)
    image = decode(result)
    assert report["input"]["mode"] == mode
    assert image.mode == {"L": "L", "1": "L", "P": "RGB", "CMYK": "RGB", "RGBA": "RGBA", "LA": "LA"}[mode]
    plain = Image.open(io.BytesIO(encode(portrait, file_format, mode))).convert("RGB")
    plain = plain.resize(image.size, Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(image.convert("RGB")).astype(float) - np.asarray(plain)).mean() < (
        20 if mode == "1" else 6
    )


def test_16_bits_stay_16_bits(enhance: Enhance) -> None:
    ramp = np.linspace(1000, 60000, 64 * 48 * 3).reshape(48, 64, 3).astype(np.uint16)
    result, report = enhance(cv2.imencode(".png", ramp)[1].tobytes(), LIGHT)
    deep = cv2.imdecode(np.frombuffer(result, np.uint8), cv2.IMREAD_UNCHANGED)
    assert deep.dtype == np.uint16
    assert report["output"]["bit_depth"] == 16
    expected = cv2.resize(ramp, (128, 96), interpolation=cv2.INTER_LINEAR).astype(float)
    assert np.abs(deep.astype(float) - expected)[8:-8, 8:-8].max() < 257, "finer than 8 bits"


def test_alpha_is_enlarged_and_never_lost(enhance: Enhance, portrait: UInt8) -> None:
    alpha = np.zeros((100, 90), np.uint8)
    alpha[20:80, 20:70] = 255
    photo = encode(np.dstack([portrait, alpha]), mode="RGBA")
    result, report = enhance(photo, {**LIGHT, "output_format": "jpeg"})
    image = decode(result)
    assert (image.format, image.mode) == ("PNG", "RGBA")
    assert report["notes"] == ["The result is png because jpeg cannot keep the transparency."]
    enlarged = np.asarray(image)[..., 3]
    assert enlarged[50:150, 50:130].min() == 255
    assert enlarged[:30].max() == 0


def test_animation_gives_its_first_frame_and_says_so(enhance: Enhance, portrait: UInt8) -> None:
    target = io.BytesIO()
    frames = [Image.fromarray(portrait), Image.fromarray(255 - portrait)]
    frames[0].save(target, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    result, report = enhance(target.getvalue(), LIGHT)
    assert report["input"]["frames"] == 2
    assert report["notes"] == ["Only the first of 2 frames was used."]
    first = np.asarray(frames[0].resize((180, 200), Image.Resampling.LANCZOS)).astype(float)
    assert np.abs(np.asarray(decode(result).convert("RGB")) - first).mean() < 8


def test_orientation_is_applied_and_metadata_left_behind(enhance: Enhance, portrait: UInt8) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "secret place"
    result, report = enhance(encode(portrait, "JPEG", exif=exif, comment=b"secret comment"), LIGHT)
    assert decode(result).size == (200, 180)
    assert (report["input"]["width"], report["input"]["height"]) == (100, 90)
    assert b"secret" not in result
    assert len(decode(result).getexif()) == 0


def test_one_pixel(enhance: Enhance) -> None:
    pixel = np.full((1, 1, 3), (200, 100, 50), np.uint8)
    result, report = enhance(encode(pixel))
    image = decode(result)
    assert image.size == (2, 2)
    assert np.abs(np.asarray(image).astype(int) - pixel).max() < 12
    assert report["faces"] == []


def test_no_face(enhance: Enhance) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    _, report = enhance(encode(noise), LIGHT)
    assert report["faces"] == []


def huge_header() -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


BAD = {
    "empty": (b"", "empty-image"),
    "text": (b"this is a text file", "unsupported-format"),
    "gif": (b"GIF89a" + bytes(100), "unsupported-format"),
    "huge": (huge_header(), "too-many-pixels"),
    "start of a PNG": (b"\x89PNG\r\n\x1a\n", "damaged-image"),
}


@pytest.mark.parametrize(("photo", "kind"), BAD.values(), ids=BAD)
def test_bad_photos_are_refused_with_their_reason(enhance: Enhance, portrait: UInt8, photo: bytes, kind: str) -> None:
    with pytest.raises(InferenceServerException) as refused:
        enhance(photo)
    assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"
    error = from_wire(refused.value.message())
    assert error is not None
    assert error.type == kind
    enhance(encode(portrait), LIGHT)  # and the server goes on


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_truncated_photos_are_refused(enhance: Enhance, portrait: UInt8, file_format: str, share: float) -> None:
    whole = encode(portrait, file_format)
    with pytest.raises(InferenceServerException) as refused:
        enhance(whole[: int(len(whole) * share)])
    error = from_wire(refused.value.message())
    assert error is not None
    assert error.type == "damaged-image"


@pytest.mark.parametrize(
    ("parameters", "kind", "words"),
    [
        ({"enhancement_level": "9"}, "invalid-option", "1 to 4"),
        ({"restorer": "magic"}, "invalid-option", "gfpgan"),
        ({"restorer": "gfpgan"}, "invalid-option", "auto"),
        ({"background": "swinir"}, "invalid-option", "lanczos"),
        ({"colour": "blue"}, "invalid-option", "enhancement_level"),
    ],
)
def test_bad_options_are_refused(
    enhance: Enhance, portrait: UInt8, parameters: dict[str, str], kind: str, words: str
) -> None:
    with pytest.raises(InferenceServerException) as refused:
        enhance(encode(portrait), parameters)
    error = from_wire(refused.value.message())
    assert error is not None
    assert error.type == kind
    assert words in error.message


def test_result_too_large_names_the_level_that_fits(enhance: Enhance) -> None:
    wide = np.zeros((8, 3000, 3), np.uint8)
    with pytest.raises(InferenceServerException, match="enhancement_level=2"):
        enhance(encode(wide), {"enhancement_level": 3})


def test_large_photos_take_lanczos_by_themselves(enhance: Enhance) -> None:
    _, report = enhance(encode(np.zeros((1900, 1800, 3), np.uint8), "JPEG"))
    assert report["models"]["background"]["name"] == "lanczos"
    assert "background=realesrgan" in report["models"]["background"]["reason"]


def test_photos_side_by_side_get_their_own_results(enhance: Enhance) -> None:
    def one(index: int) -> tuple[int, ...]:
        colour = (index * 9 % 256, index * 31 % 256, index * 57 % 256)
        result, _ = enhance(encode(np.full((40 + index, 50, 3), colour, np.uint8)), LIGHT)
        image = decode(result)
        assert image.size == (100, 2 * (40 + index))
        assert (np.asarray(image) == colour).all()
        return image.size

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(40)))) == 40


def test_too_many_photos_at_once_are_refused_and_the_others_done(triton_url: str, portrait: UInt8) -> None:
    """They come one by one, so that Triton's own queue, which is emptied at once, never fills."""
    photo = np.frombuffer(encode(np.tile(portrait, (9, 9, 1)), "JPEG"), np.uint8)
    query = triton.InferInput("IMAGE", [photo.size], "UINT8")
    query.set_data_from_numpy(photo)
    answers: queue.Queue[InferenceServerException | None] = queue.Queue()
    with triton.InferenceServerClient(triton_url) as client:
        for _ in range(100):
            client.async_infer(
                "face_enhance",
                [query],
                lambda result, error: answers.put(error),
                parameters={**LIGHT, "restorer": "none"},
            )
            time.sleep(0.01)
        errors = [error for error in (answers.get(timeout=120) for _ in range(100)) if error is not None]
    assert 0 < len(errors) <= 100 - 64
    for error in errors:
        assert error.status() == "StatusCode.UNAVAILABLE"
        known = from_wire(error.message())
        assert known is not None, error.message()
        assert (known.type, "64 photos are at work" in known.message) == ("temporary-reduced-capacity", True)


def test_quick_photo_does_not_wait_for_a_slow_one(enhance: Enhance, portrait: UInt8) -> None:
    """One instance of a BLS step works on many requests at once."""
    finished: list[str] = []

    def slow() -> None:
        enhance(encode(np.tile(portrait, (2, 2, 1))), {"background": "realesrgan"})
        finished.append("slow")

    thread = threading.Thread(target=slow)
    thread.start()
    time.sleep(0.3)
    enhance(encode(portrait), LIGHT)
    finished.append("quick")
    thread.join()
    assert finished == ["quick", "slow"]


def test_cancelled_photo_stops_using_the_network(
    triton_client: triton.InferenceServerClient, triton_url: str, portrait: UInt8
) -> None:
    def flags() -> set[Path]:
        return set(Path("/dev/shm").glob("limner_cancelled_*"))

    def tiles_done() -> int:
        statistics = triton_client.get_inference_statistics("realesrgan_x4")
        return int(statistics.model_stats[0].inference_count)

    photo = np.frombuffer(encode(np.tile(portrait, (14, 8, 1))), np.uint8)  # 28 tiles: minutes of work
    query = triton.InferInput("IMAGE", [photo.size], "UINT8")
    query.set_data_from_numpy(photo)
    before, raised_before = tiles_done(), flags()  # other servers of this machine have theirs
    with triton.InferenceServerClient(triton_url) as client:
        answer = threading.Event()
        call = client.async_infer(
            "face_enhance", [query], lambda **_: answer.set(), parameters={"background": "realesrgan"}
        )
        deadline = time.monotonic() + 120
        while tiles_done() == before and time.monotonic() < deadline:
            time.sleep(0.2)
        call.cancel()
        assert answer.wait(30)
    # At most the tiles that were in flight are finished; then the count stands still.
    seen = -1
    while seen != (seen := tiles_done()):
        time.sleep(20)
    assert before < seen <= before + 6
    assert flags() <= raised_before
