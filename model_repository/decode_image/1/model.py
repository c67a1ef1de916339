"""``decode_image``: an encoded photo to pixels.

Before any work it checks the options, whether networks that they name are there, and the size of the result.
"""

from __future__ import annotations

import base64
import time
from dataclasses import asdict
from typing import Any

import numpy as np

from ensemble.decode import decode_photo
from ensemble.upscale import check_output_size
from model_repository.choices import Choices
from model_repository.step_model import Array, StepModel, Stopwatch, json_tensor, read_options, tensor


class TritonPythonModel(StepModel):
    def prepare(self) -> None:
        self.max_pixels = int(self.parameters["max_input_pixels"])
        self.max_side = int(self.parameters["max_output_side"])
        self.choices = Choices(self.load_catalog())

    def answer(self, request: Any) -> dict[str, Array]:
        watch, started = Stopwatch(), time.monotonic()
        options = read_options(request)
        self.choices.check(options)
        photo = decode_photo(tensor(request, "IMAGE").tobytes(), self.max_pixels)
        check_output_size(photo.info.width, photo.info.height, options.scale, self.max_side)
        facts = {
            "info": asdict(photo.info),
            "icc_profile": base64.b64encode(photo.icc_profile or b"").decode(),
            "started": started,
            "milliseconds": watch.milliseconds,
        }
        return {
            "PIXELS": photo.pixels,
            "ALPHA": np.zeros((0, 0), np.uint8) if photo.alpha is None else photo.alpha,
            "FINE": np.zeros((0, 0, 3), np.int16) if photo.fine is None else photo.fine,
            "PHOTO": json_tensor(facts),
        }
