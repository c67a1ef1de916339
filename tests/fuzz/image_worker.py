"""The process that decodes hostile images: ``python -m tests.fuzz.image_worker MEMORY_BYTES``.

It takes frames of four bytes of length and an image on standard input, and answers each with a line of JSON:
``outcome``, ``seconds`` of computing, and ``bytes`` of memory, at most, beyond those of the idle process.
``MEMORY_BYTES`` is what an image may take.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

from ensemble.decode import decode_photo
from limner.canary import canary_png
from limner.errors import DamagedImage, EmptyImage, TooManyPixels, UnsupportedFormat
from limner.header import MAX_PIXELS
from tests.fuzz.targets.decode import check_photo


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _outcome(canary_png())  # loads what is loaded at the first photo
    in_use = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    most = in_use + int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    while head := sys.stdin.buffer.read(4):
        data = sys.stdin.buffer.read(struct.unpack(">I", head)[0])
        idle = _resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # the highest mark begins anew: proc(5)
        started = time.process_time()
        outcome = _outcome(data)
        seconds = time.process_time() - started
        answer = {"outcome": outcome, "seconds": seconds, "bytes": _resident("VmHWM") - idle}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _outcome(data: bytes) -> str:
    """``decoded``, the type of the error, or ``fault:`` with what went wrong."""
    try:
        photo = decode_photo(data)
    except (EmptyImage, UnsupportedFormat, DamagedImage, TooManyPixels) as error:
        return error.type
    except BaseException:
        return f"fault: {traceback.format_exc(limit=-3)}"
    try:
        check_photo(photo, MAX_PIXELS)
    except BaseException:
        return f"fault: {traceback.format_exc(limit=-3)}"
    return "decoded"


def _resident(field: str) -> int:
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main()
