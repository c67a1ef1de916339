"""What a checked FP32 graph becomes: the files that Triton's backends read, in the best precision that passes."""

from __future__ import annotations
