"""How photos are cut into tiles, as ``upscale_background`` is declared to do it."""

from __future__ import annotations

from functools import lru_cache

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from ensemble.tile import TileGrid
from limner.settings import PROJECT_ROOT

_CONFIG = PROJECT_ROOT / "model_repository" / "upscale_background" / "config.pbtxt"


@lru_cache
def declared(name: str) -> int:
    """A parameter of the model, such as ``tiles_in_flight``."""
    config = text_format.Parse(_CONFIG.read_text("utf-8"), model_config_pb2.ModelConfig())
    return int(config.parameters[name].string_value)


@lru_cache
def grid_of(height: int, width: int, multiple: int = 1) -> TileGrid:
    """The grid of a photo of that many pixels, for a network whose tiles have sides of a ``multiple``."""
    limits = {name: declared(f"tile_{name}") for name in ("max_pixels", "max_size", "margin")}
    return TileGrid.fitted(height, width, **limits, multiple=multiple)
