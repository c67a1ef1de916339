"""``compose_image``: the last step puts the result together, encodes it and writes the report."""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from ensemble.decode import join_16_bit
from ensemble.encode import choose_format, encode_photo, encode_png_16_bit
from ensemble.paste import parsed_mask, paste_face
from ensemble.photo import Int16, PhotoInfo, UInt8
from ensemble.report import OutputInfo, build_report
from ensemble.upscale import resize_alpha, resize_fine
from limner.options import Options
from model_repository.step_model import Array, StepModel, Stopwatch, read_json, read_options, tensor


class TritonPythonModel(StepModel):
    def answer(self, request: Any) -> dict[str, Array]:
        watch, options = Stopwatch(), read_options(request)
        photo, detection = read_json(request, "PHOTO"), read_json(request, "DETECTION")
        restoration, upscaling = read_json(request, "RESTORATION"), read_json(request, "UPSCALING")
        info = PhotoInfo(**photo["info"])
        pixels, alpha, lower = (tensor(request, name) for name in ("UPSCALED", "ALPHA", "FINE"))
        height, width = pixels.shape[:2]
        fine = resize_fine(lower, width, height) if lower.size else None
        pixels = _with_faces(request, pixels, fine, options)

        file_format = choose_format(options.output_format, info.format, info.opaque)
        icc_profile = base64.b64decode(photo["icc_profile"]) or None
        resized_alpha = resize_alpha(alpha, width, height) if alpha.size else None
        deep = fine is not None and file_format == "png"
        if fine is not None and deep:
            pixels_16 = join_16_bit(pixels, fine)
            encoded = encode_png_16_bit(pixels_16, resized_alpha, info.gray, icc_profile)
        else:
            encoded = encode_photo(pixels, resized_alpha, file_format, options.quality, info.gray, icc_profile)

        report = build_report(
            info=info,
            output=OutputInfo(width, height, file_format, 16 if deep else 8, len(encoded)),
            faces=[
                face | {"restored": number in restoration["restored"]} for number, face in enumerate(detection["faces"])
            ],
            models={
                "detector": detection["model"],
                "face_restorer": restoration["model"],
                "parser": restoration["parser"],
                "background": upscaling["model"],
            },
            milliseconds={
                "decode": photo["milliseconds"],
                "detect": detection["milliseconds"],
                "restore": restoration["milliseconds"],
                "upscale": upscaling["milliseconds"],
                "encode": watch.milliseconds,
                "total": (time.monotonic() - photo["started"]) * 1000,
            },
            options=replace(options, output_format=file_format),
            notes=_notes(info, options.output_format, file_format),
        )
        return {
            "IMAGE": np.frombuffer(encoded, np.uint8),
            "REPORT": np.array([report.encode()], dtype=object),
        }


def _with_faces(request: Any, pixels: UInt8, fine: Int16 | None, options: Options) -> UInt8:
    """The enlarged photo with its restored faces; ``fine`` fades out where they are."""
    restored, classes, ways = (tensor(request, name) for name in ("RESTORED", "CLASSES", "WAYS_BACK"))
    height, width = pixels.shape[:2]
    if options.aligned and len(restored):
        if fine is not None:
            fine[:] = 0
        return np.asarray(cv2.resize(restored[0], (width, height), interpolation=cv2.INTER_LANCZOS4), np.uint8)
    if not len(ways):
        return pixels
    canvas = pixels.copy()
    for number, inverse in enumerate(ways):
        mask = parsed_mask(classes[number]) if len(classes) else None
        paste_face(canvas, restored[number], mask, inverse, options.scale, fine)
    return canvas


def _notes(info: PhotoInfo, wanted: str, file_format: str) -> list[str]:
    notes = []
    if info.frames > 1:
        notes.append(f"Only the first of {info.frames} frames was used.")
    if wanted not in {"auto", file_format}:
        notes.append(f"The result is {file_format} because {wanted} cannot keep the transparency.")
    if info.bit_depth == 16 and file_format != "png":
        notes.append(f"The 16 bits per channel were reduced to 8, as {file_format} holds no more.")
    return notes
