"""What anyone could write with the exported FP32 graphs and ONNX Runtime: the same steps, one process, no server."""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime

from ensemble.align import Float64, alignment, crop_face, way_back
from ensemble.backgrounds import BACKGROUND_NETWORKS
from ensemble.detect import select_faces
from ensemble.mask import pack_face
from ensemble.paste import RestoredFaces
from ensemble.photo import UInt8
from ensemble.upscale import place_tile, resize_lanczos
from export.manifest import Manifest
from export.precision.forms import ONNX_FILE
from perf.bench.cases import Case
from perf.bench.timing import Timing
from perf.bench.weights import MODELS
from perf.grids import grid_of


class PlainOnnxRuntime:
    """Sessions of ``models``, each with ``threads`` threads. Without a restorer faces stay as they are."""

    def __init__(self, models: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._sessions = {
            name: onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
            for name in MODELS
            if (graph := _graph(models / name)) is not None
        }

    def __call__(self, case: Case) -> Timing:
        photo = np.frombuffer(case.photo, np.uint8)
        stages: defaultdict[str, float] = defaultdict(float)
        started = time.perf_counter()
        pixels = np.asarray(cv2.imdecode(photo, cv2.IMREAD_COLOR_RGB), np.uint8)
        with _timed(stages, "detect"):
            boxes, scores, landmarks = self._ask("retinaface", pixels)
            faces = select_faces(boxes, scores, landmarks)
        with _timed(stages, "background"):
            canvas = self._enlarged(pixels, case)
        restorable = faces.landmarks if "gfpgan" in self._sessions else faces.landmarks[:0]
        places = [place for points in restorable if (place := alignment(points)) is not None]
        restored = self._restored(pixels, places, case.scale, stages)
        with _timed(stages, "paste"):
            restored.paste(canvas)
        cv2.imencode(".jpg", canvas[..., ::-1])
        seconds = time.perf_counter() - started
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return Timing(seconds, dict(stages), len(places), round(memory), (canvas.shape[1], canvas.shape[0]))

    def _ask(self, model: str, *inputs: Any) -> list[Any]:
        session = self._sessions[model]
        names = [given.name for given in session.get_inputs()]
        return list(session.run(None, dict(zip(names, inputs, strict=True))))

    def _enlarged(self, pixels: UInt8, case: Case) -> UInt8:
        if case.background is None:
            return resize_lanczos(pixels, case.scale).copy()
        (network,) = (each for each in BACKGROUND_NETWORKS if each.model == case.background)
        height, width = pixels.shape[:2]
        grid = grid_of(height, width, network.multiple)
        canvas = np.empty((height * case.scale, width * case.scale, 3), np.uint8)
        for tile in grid.tiles(height, width):
            (upscaled,) = self._ask(network.model, grid.cut(pixels, tile)[None])
            place_tile(canvas, tile, upscaled[0], grid, network.scale, case.scale)
        return canvas

    def _restored(
        self, pixels: UInt8, places: list[Float64], scale: int, stages: defaultdict[str, float]
    ) -> RestoredFaces:
        faces, masks = [], []
        for place in places:
            with _timed(stages, "restore"):
                faces.append(self._ask("gfpgan", crop_face(pixels, place)[None])[0][0])
            with _timed(stages, "parse"):
                masks.append(pack_face(self._ask("parsenet", faces[-1][None])[0][0]))
        return RestoredFaces(
            np.array(faces, np.uint8).reshape(-1, 512, 512, 3),
            np.array(masks, np.uint8).reshape(-1, 512, 64),
            np.array([way_back(place, scale) for place in places], np.float64).reshape(-1, 2, 3),
            scale,
        )


def _graph(folder: Path) -> str | None:
    manifest = Manifest.load(folder)
    return str(folder / manifest.version / ONNX_FILE) if manifest else None


@contextmanager
def _timed(stages: defaultdict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    stages[name] += time.perf_counter() - started
