"""Limner's kernel for RRDBNet against the network in PyTorch, which other tests hold to upstream's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import data

from export.architectures import rrdbnet
from export.architectures.image_graph import ImageGraph
from export.onnx_export import to_onnx
from export.precision.gate import psnr
from export.winograd.quantise import quantise
from limner.errors import InputError
from limner.rrdb import LIBRARY_FILE, WEIGHTS_FILE, KernelUnusable, RrdbNetwork
from tests.export.winograd.small_rrdb import library, require_kernel, spec_of

UInt8 = NDArray[np.uint8]


class Subject:
    """A network in the kernel and the same in PyTorch. No dataclass: Hypothesis would print all its weights."""

    def __init__(self, folder: Path, network: ImageGraph) -> None:
        self.folder = folder
        self.network = network
        self.kernel = RrdbNetwork(folder / WEIGHTS_FILE)

    def reference(self, picture: UInt8) -> UInt8:
        """What floats give."""
        with torch.inference_mode():
            return np.asarray(self.network(torch.from_numpy(picture[None]))[0].numpy(), np.uint8)


def _subject(folder: Path, scale: int) -> Subject:
    """Random weights, six dense blocks, whose growths are made to matter; results lie in the middle of the levels."""
    require_kernel()
    seeded = rrdbnet.seeded_state(3, {"num_block": 2, "scale": scale})
    state = {
        name: 2.0 * value if ".rdb" in name and name.endswith("weight") else value for name, value in seeded.items()
    }
    state["conv_last.bias"] = torch.full((3,), 0.5)
    network = rrdbnet.served(rrdbnet.build(state, "test")).eval()
    graph = to_onnx(spec_of(scale), network, rrdbnet.examples(0)[0])
    photo = data.astronaut()  # type: ignore[no-untyped-call]
    calibration = [np.ascontiguousarray(photo[None, y : y + 64, y : y + 64]) for y in range(0, 449, 32)]
    (folder / WEIGHTS_FILE).write_bytes(quantise(graph, calibration))
    (folder / LIBRARY_FILE).write_bytes(library())
    return Subject(folder, network)


@pytest.fixture(scope="module")
def fourfold(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return _subject(tmp_path_factory.mktemp("x4"), 4)


@pytest.fixture(scope="module")
def twofold(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return _subject(tmp_path_factory.mktemp("x2"), 2)


def _photo(height: int, width: int, seed: int) -> UInt8:
    random = np.random.default_rng(seed)
    photo = data.astronaut()  # type: ignore[no-untyped-call]
    y, x = random.integers(photo.shape[0] - height + 1), random.integers(photo.shape[1] - width + 1)
    return np.ascontiguousarray(photo[y : y + height, x : x + width])


_SIZES = st.tuples(st.integers(1, 70), st.integers(1, 70))
_EXAMPLES = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@given(size=_SIZES, seed=st.integers(0, 1000))
@_EXAMPLES
def test_any_size_is_as_in_floats_up_to_the_edges(fourfold: Subject, size: tuple[int, int], seed: int) -> None:
    picture = _photo(*size, seed)
    _compare(fourfold.reference(picture), fourfold.kernel.run(picture, 2))


@given(size=_SIZES, seed=st.integers(0, 1000))
@_EXAMPLES
def test_pixels_folded_into_channels(twofold: Subject, size: tuple[int, int], seed: int) -> None:
    picture = _photo(2 * size[0], 2 * size[1], seed)
    _compare(twofold.reference(picture), twofold.kernel.run(picture, 2))


def _compare(reference: UInt8, result: UInt8) -> None:
    assert result.shape == reference.shape
    assert psnr(reference, result) > 46.0
    # A border of other than zeros around what a layer gives is off by 13 levels and more near the edges.
    assert np.abs(reference.astype(np.int32) - result).max() < 12


def test_the_picture_itself_matters(fourfold: Subject) -> None:
    picture = _photo(40, 48, 0)
    assert psnr(fourfold.reference(picture), fourfold.kernel.run(_photo(40, 48, 1), 2)) < 30.0


@pytest.mark.parametrize("threads", [2, 3, 7, 64, 1000])
def test_any_number_of_threads_gives_the_same(fourfold: Subject, threads: int) -> None:
    picture = _photo(61, 75, 5)
    np.testing.assert_array_equal(fourfold.kernel.run(picture, threads), fourfold.kernel.run(picture, 1))


def test_nothing_of_one_picture_is_seen_in_the_next(fourfold: Subject) -> None:
    before = fourfold.kernel.run(_photo(33, 47, 2), 2)
    fourfold.kernel.run(np.full((70, 66, 3), 255, np.uint8), 2)
    np.testing.assert_array_equal(fourfold.kernel.run(_photo(33, 47, 2), 2), before)


@pytest.mark.parametrize("level", [0, 255])
def test_flat_pictures_and_noise_do_not_overflow(fourfold: Subject, level: int) -> None:
    flat = np.full((32, 32, 3), level, np.uint8)
    noise = np.random.default_rng(level).choice(np.array([0, 255], np.uint8), (48, 48, 3))
    for picture, least in ((flat, 38.0), (noise, 25.0)):  # calibration has seen no noise, so some of it is cut off
        assert psnr(fourfold.reference(picture), fourfold.kernel.run(picture, 2)) > least


def test_writes_no_byte_beyond_the_result(fourfold: Subject) -> None:
    picture = _photo(21, 19, 4)
    guarded = np.full((4 * 21 + 2, 4 * 19, 3), 77, np.uint8)
    fourfold.kernel.run(picture, 2, guarded[1:-1])
    assert (guarded[0] == 77).all()
    assert (guarded[-1] == 77).all()
    np.testing.assert_array_equal(guarded[1:-1], fourfold.kernel.run(picture, 2))


@pytest.mark.parametrize("size", [(3, 4), (4, 3), (1, 1)])
def test_odd_sides_are_refused_where_pixels_are_folded(twofold: Subject, size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="even"):
        twofold.kernel.run(_photo(*size, 0), 2)


def test_what_is_far_too_large_is_refused(fourfold: Subject) -> None:
    with pytest.raises(InputError, match="too large"):
        fourfold.kernel.run(np.zeros((4097, 1, 3), np.uint8), 2)


@given(data_=st.data())
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_damaged_weights_are_refused_or_harmless(
    fourfold: Subject, tmp_path_factory: pytest.TempPathFactory, data_: st.DataObject
) -> None:
    """A file of another length is refused; a changed number cannot lead anywhere but to other pixels."""
    content = bytearray((fourfold.folder / WEIGHTS_FILE).read_bytes())
    kind = data_.draw(st.sampled_from(("cut", "longer", "header", "numbers")))
    if kind == "cut":
        del content[data_.draw(st.integers(1, len(content) - 1)) :]
    elif kind == "longer":
        content += bytes(data_.draw(st.integers(1, 200)))
    elif kind == "header":
        position = data_.draw(st.integers(0, 15))
        content[position] ^= data_.draw(st.integers(1, 255))
    else:
        start = data_.draw(st.integers(64, len(content) - 64))
        content[start : start + 64] = data_.draw(st.binary(min_size=64, max_size=64))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / LIBRARY_FILE).symlink_to(fourfold.folder / LIBRARY_FILE)
    (folder / WEIGHTS_FILE).write_bytes(content)
    if kind == "numbers":
        assert RrdbNetwork(folder / WEIGHTS_FILE).run(_photo(9, 9, 0), 1).shape == (36, 36, 3)
    else:
        with pytest.raises(KernelUnusable):
            RrdbNetwork(folder / WEIGHTS_FILE)
