"""``compose_image``: the last step puts the result together, encodes it and writes the report."""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from typing import Any

import numpy as np

from ensemble.decode import join_16_bit
from ensemble.encode import choose_format, encode_photo, encode_png_16_bit
from ensemble.photo import PhotoInfo
from ensemble.report import OutputInfo, build_report
from ensemble.upscale import resize_alpha, resize_fine
from model_repository.step_model import Array, StepModel, Stopwatch, read_json, read_options, tensor


class TritonPythonModel(StepModel):
    def answer(self, request: Any) -> dict[str, Array]:
        watch, options = Stopwatch(), read_options(request)
        photo, detection = read_json(request, "PHOTO"), read_json(request, "DETECTION")
        restoration, upscaling = read_json(request, "RESTORATION"), read_json(request, "UPSCALING")
        info = PhotoInfo(**photo["info"])
        pixels, alpha, fine = (tensor(request, name) for name in ("UPSCALED", "ALPHA", "FINE"))
        height, width = pixels.shape[:2]

        file_format = choose_format(options.output_format, info.format, info.opaque)
        icc_profile = base64.b64decode(photo["icc_profile"]) or None
        resized_alpha = resize_alpha(alpha, width, height) if alpha.size else None
        deep = info.bit_depth == 16 and file_format == "png"
        if deep:
            pixels_16 = join_16_bit(pixels, resize_fine(fine, width, height))
            encoded = encode_png_16_bit(pixels_16, resized_alpha, info.gray, icc_profile)
        else:
            encoded = encode_photo(pixels, resized_alpha, file_format, options.quality, info.gray, icc_profile)

        report = build_report(
            info=info,
            output=OutputInfo(width, height, file_format, 16 if deep else 8, len(encoded)),
            faces=detection["faces"],
            models={
                "detector": detection["model"],
                "face_restorer": restoration["model"],
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


def _notes(info: PhotoInfo, wanted: str, file_format: str) -> list[str]:
    notes = []
    if info.frames > 1:
        notes.append(f"Only the first of {info.frames} frames was used.")
    if wanted not in {"auto", file_format}:
        notes.append(f"The result is {file_format} because {wanted} cannot keep the transparency.")
    if info.bit_depth == 16 and file_format != "png":
        notes.append(f"The 16 bits per channel were reduced to 8, as {file_format} holds no more.")
    return notes
