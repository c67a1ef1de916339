"""``detect_faces``: BLS step that asks the detector, where there is one, picks the faces and measures them."""

from __future__ import annotations

import asyncio
from typing import Any

import cv2
import numpy as np

from ensemble.detect import NO_FACES, Faces, aligned_face, detection_scale, is_detectable, scale_faces, select_faces
from ensemble.measures import measure
from ensemble.photo import UInt8
from limner.catalog import CatalogEntry
from model_repository.calls import ask_all
from model_repository.step_model import (
    Array,
    AsyncStepModel,
    Caller,
    Stopwatch,
    json_tensor,
    read_options,
    tensor,
)


class TritonPythonModel(AsyncStepModel):
    def prepare(self) -> None:
        catalog = self.load_catalog()
        self.detector: CatalogEntry | None = next(iter(catalog.available("detector")), None)
        self.reason = catalog.reason("detector")
        self.max_pixels = int(self.parameters["max_detection_pixels"])

    async def answer_async(self, request: Any, caller: Caller) -> dict[str, Array]:
        watch = Stopwatch()
        pixels = tensor(request, "PIXELS")
        caller.refuse_if_gone()
        aligned = read_options(request).aligned
        faces, model = NO_FACES, self._idle_reason(aligned=aligned)
        if model is None and self.detector is not None:
            model = self.detector.summary()
            if is_detectable(pixels):
                faces = await self._detect(pixels, self.detector.model)
        found = np.concatenate([faces.boxes, faces.scores[:, None], faces.landmarks.reshape(-1, 10)], axis=1)
        reported = (aligned_face(pixels.shape[1], pixels.shape[0]) if aligned else faces).to_json()
        detected = watch.milliseconds
        before = await asyncio.to_thread(measure, pixels, reported, 1, caller.refuse_if_flagged)
        facts = {
            "model": model,
            "faces": reported,
            "before": before.to_json(),
            "milliseconds": detected,
            "measure_milliseconds": watch.milliseconds - detected,
        }
        return {"FACES": found.astype(np.float32), "DETECTION": json_tensor(facts)}

    def _idle_reason(self, *, aligned: bool) -> dict[str, object] | None:
        """Why no detector runs, in the form a report takes; None where one does."""
        if aligned:
            return {"name": None, "reason": "The photo was sent as an aligned face; nothing is detected."}
        return {"name": None, "reason": self.reason} if self.detector is None else None

    async def _detect(self, pixels: UInt8, detector: str) -> Faces:
        height, width = pixels.shape[:2]
        scale = detection_scale(width, height, self.max_pixels)
        if scale < 1:
            size = (round(width * scale), round(height * scale))
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        boxes, scores, landmarks = await ask_all(detector, {"IMAGE": pixels}, ["BOXES", "SCORES", "LANDMARKS"])
        faces = select_faces(boxes, scores, landmarks)
        return scale_faces(faces, width / pixels.shape[1]) if scale < 1 else faces
