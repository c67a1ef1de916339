"""Why Triton did not start, in a sentence that says what to do, where the cause is one that is known."""

from __future__ import annotations

import re
from typing import Final

_BROKEN_MODEL: Final = re.compile(r"ServingError: (model '\w+': .+?)(?:: Exception from |\\n|\n|\"|$)")
_NO_SHARED_MEMORY: Final = re.compile(r"shared memory (?:key|region|pool size).+No space left on device")


def explained(log: str) -> str:
    """The sentence, or the lines themselves where they tell of something else.

    Args:
        log: the lines of Triton's log that tell of errors.
    """
    if _NO_SHARED_MEMORY.search(log):
        return (
            "Shared memory (/dev/shm), through which photos go between Triton's processes, is too small: 2 GiB are "
            "recommended. Docker: --shm-size=2g; Compose: shm_size; Helm: triton.sharedMemory."
        )
    if found := _BROKEN_MODEL.search(log):
        return (
            f"Triton cannot load {found[1].rstrip('.')}. If files are damaged, `limner export` with the same "
            "LIMNER_DATA makes them again."
        )
    return f"Triton ended while starting. It said:\n{log}"
