"""The networks alone: the tiles of a photo, cut as ``upscale_background`` cuts them, straight to the network."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton
from PIL import Image

from ensemble.backgrounds import BackgroundNetwork, Budget, choose_background
from ensemble.photo import UInt8
from export.manifest import Manifest
from limner.catalog import CATALOG_FILE, Catalog
from perf.grids import declared, grid_of
from perf.served import ServedModel, served_file

_UNLIMITED = Budget(0, 0)
_MOMENT_SECONDS = 0.1


@dataclass(frozen=True)
class Work:
    """What a photo asks of the network that enlarges it: uint8 [h, w, 3] each, and how many are sent at a time."""

    network: BackgroundNetwork
    tiles: Sequence[UInt8]
    in_flight: int


def work_of(photo: bytes, scale: int, models: Path) -> Work:
    """The tiles of an encoded photo, for the network of ``models`` that ``background=realesrgan`` takes."""
    pixels = np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"), np.uint8)
    catalog = Catalog.load(models / CATALOG_FILE)
    served = {entry.model: entry for entry in catalog.entries if entry.role == "background" and entry.available}
    network = choose_background("realesrgan", scale, 0, served, {}, _UNLIMITED).network
    if network is None:
        raise SystemExit("there is no Real-ESRGAN: limner export")
    grid, in_flight = grid_of(*pixels.shape[:2], network.multiple), declared("tiles_in_flight")
    return Work(network, [grid.cut(pixels, tile) for tile in grid.tiles(*pixels.shape[:2])], in_flight)


def seconds_alone(client: triton.InferenceServerClient, work: Work, photos: int) -> float:
    """How long Triton takes for the tiles of ``photos`` photos by gRPC, with no step around them."""

    def ask(tile: UInt8) -> None:
        query = triton.InferInput("TILE", [1, *tile.shape], "UINT8")
        query.set_data_from_numpy(tile[None])
        client.infer(work.network.model, [query])

    with ThreadPoolExecutor(work.in_flight) as pool:
        started = time.perf_counter()
        for _ in pool.map(ask, [*work.tiles] * photos):
            pass
        return time.perf_counter() - started


class InProcess:
    """The network in this process, run as Triton runs it."""

    def __init__(self, work: Work, models: Path) -> None:
        manifest = Manifest.load(models / work.network.model)
        if manifest is None:
            raise SystemExit(f"{work.network.model} is not exported: limner export")
        folder = models / work.network.model
        file = served_file(work.network.model, folder / manifest.version)
        self._network = ServedModel(work.network.model, folder, manifest.version, file)
        self._tiles = work.tiles

    def seconds(self) -> float:
        """For the tiles of one photo, one after the other."""
        return sum(self._network.seconds({"TILE": tile[None]}) for tile in self._tiles)


@dataclass(frozen=True)
class Computed:
    """What a network did so far: calls answered, and seconds inside them."""

    calls: int
    seconds: float


def computed(client: triton.InferenceServerClient, model: str) -> Computed:
    """As Triton's statistics have it, once they stand still: a call is counted a moment after its answer is there."""
    last, now = None, _counted(client, model)
    while now != last:
        time.sleep(_MOMENT_SECONDS)
        last, now = now, _counted(client, model)
    return now


def _counted(client: triton.InferenceServerClient, model: str) -> Computed:
    (statistics,) = client.get_inference_statistics(model).model_stats
    return Computed(int(statistics.inference_count), int(statistics.inference_stats.compute_infer.ns) / 1e9)
