"""Peak memory of all of Limner's processes while one photo is enhanced.

    python -m perf.memory [--side 1000] [--background realesrgan] [--level 2] [--deep]

Starts ``limner serve`` on free ports, sends one square photo by HTTP and samples the proportional set size (PSS, which
counts a shared page once) of the gateway, Triton and every Python stub, twice a second. Writes
``perf/results/memory-<side>-<background>-x<scale>[-16-bit].json``. ``--deep`` sends a 16-bit PNG, whose result is one.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import signal
import subprocess
import sys

import cv2
import httpx
import numpy as np
from PIL import Image
from skimage import data

from limner.options import SCALES
from limner.settings import PROJECT_ROOT
from perf.machine import describe_machine
from perf.watch import MIB, Watch

_RESULTS = PROJECT_ROOT / "perf" / "results"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--side", type=int, default=1000, help="pixels along each side of the photo")
    arguments.add_argument("--background", default="realesrgan")
    arguments.add_argument("--level", type=int, default=2, choices=sorted(SCALES))
    arguments.add_argument("--deep", action="store_true", help="send a 16-bit PNG instead of a JPEG")
    wanted = arguments.parse_args()
    with _Served() as served:
        photo = _deep_photo(wanted.side) if wanted.deep else _photo(wanted.side)
        answer, (idle, peak) = served.measure(photo, wanted.background, wanted.level)
    report = json.loads(answer.headers["limner-report"])
    result = {
        "machine": describe_machine(),
        "photo": f"{wanted.side}x{wanted.side} {'16-bit PNG' if wanted.deep else 'JPEG'}",
        "megapixels": round(wanted.side**2 / 1e6, 2),
        "background": report["models"]["background"],
        "scale": SCALES[wanted.level],
        "idle_mib": round(idle / MIB),
        "peak_mib": round(peak / MIB),
        "seconds": round(report["milliseconds"]["total"] / 1000, 1),
    }
    _RESULTS.mkdir(exist_ok=True)
    name = f"memory-{wanted.side}-{wanted.background}-x{SCALES[wanted.level]}{'-16-bit' if wanted.deep else ''}.json"
    (_RESULTS / name).write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


def _photo(side: int) -> bytes:
    target = io.BytesIO()
    portrait = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
    portrait.resize((side, side), Image.Resampling.BICUBIC).save(target, "JPEG")
    return target.getvalue()


def _deep_photo(side: int) -> bytes:
    values = cv2.resize(data.astronaut(), (side, side)).astype(np.uint16) * 257  # type: ignore[no-untyped-call]
    alpha = np.full((side, side, 1), 40_000, np.uint16)
    return cv2.imencode(".png", np.concatenate([values[..., ::-1], alpha], axis=2))[1].tobytes()


class _Served:
    """A running ``limner serve``."""

    def __init__(self) -> None:
        ports = {f"LIMNER_{name}": "0" for name in ("PORT", "TRITON_GRPC_PORT", "TRITON_METRICS_PORT")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "serve"],
            cwd=PROJECT_ROOT,
            env={**os.environ, **ports, "LIMNER_TASK_TIMEOUT": "3600", "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> _Served:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                if found := re.search(r"ready:\s+(\S+)", line):
                    self._url = found.group(1)
                    return self
        raise SystemExit("limner serve did not start")

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=60)

    def measure(self, photo: bytes, background: str, level: int) -> tuple[httpx.Response, list[int]]:
        """The answer, and the bytes that all processes held before it and at most."""
        with Watch(self._process.pid).peak() as held:
            answer = httpx.post(
                f"{self._url}/v1/enhance",
                files={"file": ("photo", photo)},
                data={"background": background, "enhancement_level": str(level)},
                timeout=3600,
            )
        return answer.raise_for_status(), held


if __name__ == "__main__":
    main()
