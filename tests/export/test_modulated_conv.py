"""Modulated convolutions with constant weights: the published formula, and numbers that FP16 can hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnxruntime.transformers.float16 import convert_float_to_float16
from torch.nn import functional

from export.architectures import gfpgan, modulated_conv
from export.architectures.face_graph import in_levels, normalised
from export.onnx_export import to_onnx
from tests.export.gfpgans import SMALL, TINY, faces, small_export, spec_for, with_styles_in_the_thousands

FP16_MAX = 65504.0


def psnr(levels: NDArray[Any], reference: NDArray[Any]) -> float:
    error = np.mean((levels.astype(np.float64) - reference) ** 2)
    return float(10 * np.log10(255.0**2 / max(error, 1e-12)))


@pytest.fixture
def naive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Styles as they are, not divided by the largest."""

    def styles(self: modulated_conv.ModulatedConv2d, latent: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        raw = self.modulation(latent)
        return raw, torch.ones_like(raw[:, :1])

    monkeypatch.setattr(modulated_conv.ModulatedConv2d, "styles", styles)


@pytest.mark.parametrize("size", [2, 4, 16, 34])
def test_halving_is_bilinear_interpolation(size: int) -> None:
    x = torch.randn(2, 3, size, size + 2, generator=torch.Generator().manual_seed(size))
    theirs = functional.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False)
    torch.testing.assert_close(modulated_conv.halved(x), theirs, rtol=0, atol=1e-6)


def modulated(kind: str, *, weights: float = 1.0, styles: float = 1.0) -> Any:
    """A layer with weights and styles of about these sizes; output channel 1 of 3 has no weights."""
    generator = torch.Generator().manual_seed(4)
    layer: Any
    layer = modulated_conv.DemodulatedConv2d(6, 3, 5) if kind == "demodulated" else modulated_conv.PlainConv2d(6, 5)
    layer.weight.copy_(weights * torch.randn(layer.weight.shape, generator=generator))
    layer.weight[0, 1] = 0.0
    with torch.no_grad():
        layer.modulation.weight.copy_(styles * torch.randn(6, 5, generator=generator))
        layer.modulation.bias.copy_(styles * torch.randn(6, generator=generator))
    return layer


def published_formula(layer: Any, x: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
    """Weights multiplied by the styles of each sample, in FP64."""
    styles = functional.linear(latent.double(), layer.modulation.weight.double(), layer.modulation.bias.double())
    weight = layer.weight.double() * styles[:, None, :, None, None]
    if layer.weight.shape[-1] == 3:
        weight = weight * torch.rsqrt(weight.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8) * 2.0**0.5
    planes = [functional.conv2d(item[None].double(), w, padding="same") for item, w in zip(x, weight, strict=True)]
    return torch.cat(planes)


@pytest.mark.parametrize("kind", ["demodulated", "plain"])
@pytest.mark.parametrize(
    ("weights", "styles", "error", "half_error"),
    [
        (1.0, 1.0, 1e-6, 2e-3),
        (0.01, 5000.0, 1e-6, 2e-3),
        # ε is most of the sum here, and FLOOR can be seen beside it.
        (1e-5, 1e-2, 5e-5, 2e-3),
        # FP16 holds styles of this size to a few percent, whatever is done with them.
        (3.0, 1e-6, 5e-5, 0.05),
        (1.0, 0.0, 1e-6, 2e-3),
    ],
)
@torch.no_grad()
def test_constant_weights_are_exact(kind: str, weights: float, styles: float, error: float, half_error: float) -> None:
    """Whatever the size of weights and styles; errors as a fraction of the largest value, in FP32 and in FP16."""
    generator = torch.Generator().manual_seed(5)
    x, latent = torch.randn(2, 6, 4, 4, generator=generator), torch.randn(2, 5, generator=generator)
    layer = modulated(kind, weights=weights, styles=styles)
    expected = published_formula(layer, x, latent)
    layer.prepare()
    bias = torch.tensor([0.3, -0.2, 0.0])
    size: dict[str, Any] = {}
    if kind == "demodulated":
        size = {"bias": bias, "upsample": False}
        expected += bias[:, None, None]
    largest = float(expected.abs().max())
    torch.testing.assert_close(layer(x, latent, **size).double(), expected, rtol=0, atol=error * largest)
    half_size = size | {"bias": bias.half()} if size else {}
    half = layer.half()(x.half(), latent.half(), **half_size).double()
    # RGB of 1e-7 is some of FP16's smallest steps: those are added.
    torch.testing.assert_close(half, expected, rtol=0, atol=half_error * largest + 8 * 2.0**-24)


def fp16_tensors(model: onnx.ModelProto, given: torch.Tensor) -> dict[str, NDArray[Any]]:
    """All tensors of the graph in FP16. ONNX Runtime computes in FP32 between them; stored, overflow shows."""
    half = onnx.ModelProto()
    half.CopyFrom(model)
    half = convert_float_to_float16(half, keep_io_types=True)
    declared = {output.name for output in half.graph.output}
    names = [name for node in half.graph.node for name in node.output]
    half.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in declared)
    session = onnxruntime.InferenceSession(half.SerializeToString(), providers=["CPUExecutionProvider"])
    results = session.run(None, {"FACE": given.numpy()})
    return {output.name: value for output, value in zip(session.get_outputs(), results, strict=True)}


def test_exported_graph_fits_into_fp16() -> None:
    given = faces(SMALL)
    graph, model = small_export()
    with torch.inference_mode():
        (exact,) = graph.exact(given)
    tensors = fp16_tensors(model, given)
    largest = {name: float(np.abs(value.astype(np.float64)).max()) for name, value in tensors.items()}
    styles = {name: value for name, value in largest.items() if value > 1000}
    assert styles, "the styles should be in the thousands"
    assert max(largest.values()) < FP16_MAX / 4
    assert psnr(tensors["RESTORED"], exact.numpy()) > 55  # rounding to levels alone leaves 59


@pytest.mark.usefixtures("naive")
def test_without_the_division_the_exported_graph_does_not_fit() -> None:
    state = with_styles_in_the_thousands(gfpgan.seeded_state(0, TINY))
    graph = gfpgan.served(gfpgan.build(state, "test")).eval()
    tensors = fp16_tensors(to_onnx(spec_for(TINY), graph, (faces(TINY),)), faces(TINY))
    assert any(np.isinf(value).any() for value in tensors.values() if value.dtype == np.float16)


def in_half(layout: dict[str, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Levels that a network with large styles gives in FP16, every value rounded to it, and in FP32."""
    network = gfpgan.build(with_styles_in_the_thousands(gfpgan.seeded_state(0, layout)), "test")
    face = normalised(faces(layout))
    with torch.inference_mode():
        reference = in_levels(network(face)).numpy()
        return in_levels(network.half()(face.half()).float()).numpy(), reference


def test_network_keeps_its_quality_in_fp16() -> None:
    half, reference = in_half(TINY)
    assert psnr(half, reference) > 70


@pytest.mark.usefixtures("naive")
def test_without_the_division_the_network_loses_it() -> None:
    half, reference = in_half(TINY)
    assert np.isnan(half).any() or psnr(half, reference) < 30
