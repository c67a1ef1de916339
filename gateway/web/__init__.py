"""The page's source, and what builds it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

WEB: Final = Path(__file__).resolve().parent

DIST: Final = WEB / "dist"
"""Where the build leaves the page."""
