"""Times upstream's whole pipeline: encoded photo in, encoded result out. For ``perf.bench``, in ``.venv-upstream``.

    python whole.py --photo FILE.npy --answer FILE.json --weights GFPGAN.pth --parser PARSENET.pth --detector MOBILE.pth
                    [--background REALESRGAN.pth --background_scale 4] [--scale 2] [--tile 400]

Detector and parser are facexlib's, with the given weights; nothing is replaced but where weights come from.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import cv2
import numpy as np
import oracle
import torch


def peak_memory_mib() -> int:
    """Of this program alone: ``ru_maxrss`` would start at what the program had that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024)


def detector_of(weights: str) -> Any:
    from facexlib.detection.retinaface import RetinaFace

    network = RetinaFace(network_name="mobile0.25", device=torch.device("cpu"))
    state = torch.load(weights, weights_only=True)
    network.load_state_dict({key.removeprefix("module."): value for key, value in state.items()}, strict=True)
    return network.eval()


def timed(stages: dict[str, float], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*given: Any, **named: Any) -> Any:
        started = time.perf_counter()
        with torch.inference_mode():
            result = function(*given, **named)
        stages[name] += time.perf_counter() - started
        return result

    return run


def restorer_of(arguments: argparse.Namespace, stages: dict[str, float]) -> Any:
    from facexlib.utils import face_restoration_helper as module
    from gfpgan.utils import GFPGANer
    from networks import parsenet

    parser = parsenet.build(torch.load(arguments.parser, weights_only=True), {})
    detector = detector_of(arguments.detector)
    module.init_detection_model = lambda *_, **__: detector
    module.init_parsing_model = lambda *_, **__: timed(stages, "parse", parser)
    behind = None
    if arguments.background:
        behind = oracle.realesrganer(arguments.background, arguments.background_scale, arguments.tile)
        behind.enhance = timed(stages, "background", behind.enhance)
    restorer = GFPGANer(arguments.weights, upscale=arguments.scale, bg_upsampler=behind, device=torch.device("cpu"))
    detector.detect_faces = timed(stages, "detect", detector.detect_faces)
    restorer.gfpgan.forward = timed(stages, "restore", restorer.gfpgan.forward)
    helper = restorer.face_helper
    helper.paste_faces_to_input_image = timed(stages, "parse and paste", helper.paste_faces_to_input_image)
    return restorer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("photo", "answer", "weights", "parser", "detector"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--background")
    parser.add_argument("--background_scale", type=int, default=4)
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--tile", type=int, default=400)  # as inference_gfpgan.py has it
    arguments = parser.parse_args()
    stages: defaultdict[str, float] = defaultdict(float)
    with contextlib.redirect_stdout(sys.stderr):
        restorer = restorer_of(arguments, stages)
        photo = np.load(arguments.photo)
        started = time.perf_counter()
        pixels = cv2.imdecode(photo, cv2.IMREAD_COLOR)
        _, faces, result = restorer.enhance(pixels, has_aligned=False, only_center_face=False, paste_back=True)
        cv2.imencode(".jpg", result)
        seconds = time.perf_counter() - started
    stages["paste"] = stages.pop("parse and paste", 0.0) - stages.get("parse", 0.0)
    answer = {
        "seconds": seconds,
        "stages": stages,
        "faces": len(faces),
        "memory_mib": peak_memory_mib(),
        "size": [result.shape[1], result.shape[0]],
    }
    Path(arguments.answer).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
