"""Every published weight file: where it is, what it must be, which network it belongs to, under which licence.

Sizes and sha256 values were each confirmed in at least two public places. Adding a file is one entry here.
"""

from __future__ import annotations

from dataclasses import dataclass

from limner.catalog import Role
from limner.errors import WeightsError

PARAMS_EMA = ("params_ema", "params")
"""Where BasicSR keeps a state dict: the averaged weights if there are any, else the last ones."""

FLAT: tuple[str, ...] = ()
"""The file is the state dict itself."""


@dataclass(frozen=True)
class WeightFile:
    """One published file.

    Attributes:
        file: its official name; under this name it is looked for in ``LIMNER_WEIGHTS``.
        role, model: what it is for and the Triton model made of it.
        architecture: name of the network in ``export.architectures``.
        published_as: the constructor call that upstream builds it with.
        urls: official addresses, best first.
        size, sha256: of the file, in bytes and as 64 hex digits.
        keys: entries of the checkpoint that may hold the state dict, best first; empty where it is the file itself.
        layout: hyperparameters that tell this file's network from others of the architecture, to make random weights
            of the same layout; real weights tell them by themselves.
        licence: of the weights, as far as upstream states it.
        non_commercial: whether any part of it forbids commercial use; `limner weights pull` says so when it fetches it.
        on_request: fetched only when somebody asks for it by name, and has `limner weights pull` told that the licence
            is accepted.
    """

    file: str
    role: Role
    model: str
    architecture: str
    published_as: str
    urls: tuple[str, ...]
    size: int
    sha256: str
    keys: tuple[str, ...]
    licence: str
    layout: tuple[tuple[str, int], ...] = ()
    non_commercial: bool = False
    on_request: bool = False

    @property
    def variant(self) -> str:
        """The name of the network that reports show: the file's without its suffix."""
        return self.file.rpartition(".")[0]


def _releases(repository: str, file: str, *tags: str) -> tuple[str, ...]:
    return tuple(f"https://github.com/{repository}/releases/download/{tag}/{file}" for tag in tags)


_GFPGAN = (
    "GFPGANv1Clean(out_size=512, num_style_feat=512, channel_multiplier=2, decoder_load_path=None, "
    "fix_decoder=False, num_mlp=8, input_is_latent=True, different_w=True, narrow=1, sft_half=True)"
)
_GFPGAN_LICENCE = "Apache-2.0; its LICENSE embeds the non-commercial terms of NVIDIA StyleGAN2"
_SRVGG = "SRVGGNetCompact(num_in_ch=3, num_out_ch=3, num_feat=64, num_conv=32, upscale=4, act_type='prelu')"
_SWINIR_M = "003_realSR_BSRGAN_DFO_s64w8_SwinIR-M_x4_GAN.pth"
_SWINIR_L = "003_realSR_BSRGAN_DFOWMFC_s64w8_SwinIR-L_x4_GAN.pth"
_SFACE = "face_recognition_sface_2021dec.onnx"

WEIGHTS: tuple[WeightFile, ...] = (
    WeightFile(
        file="GFPGANv1.4.pth",
        role="face_restorer",
        model="gfpgan",
        architecture="gfpgan_clean",
        published_as=_GFPGAN,
        urls=_releases("TencentARC/GFPGAN", "GFPGANv1.4.pth", "v1.3.0", "v1.3.4"),
        size=348_632_874,
        sha256="e2cd4703ab14f4d01fd1383a8a8b266f9a5833dacee8e6a79d3bf21a1b6be5ad",
        keys=PARAMS_EMA,
        licence=_GFPGAN_LICENCE,
        non_commercial=True,
    ),
    WeightFile(
        file="GFPGANv1.3.pth",
        role="face_restorer",
        model="gfpgan",
        architecture="gfpgan_clean",
        published_as=_GFPGAN,
        urls=_releases("TencentARC/GFPGAN", "GFPGANv1.3.pth", "v1.3.0"),
        size=348_632_874,
        sha256="c953a88f2727c85c3d9ae72e2bd4846bbaf59fe6972ad94130e23e7017524a70",
        keys=PARAMS_EMA,
        licence=_GFPGAN_LICENCE,
        non_commercial=True,
    ),
    WeightFile(
        file="RestoreFormer.pth",
        role="face_restorer",
        model="restoreformer",
        architecture="restoreformer",
        published_as=(
            "RestoreFormer(n_embed=1024, embed_dim=256, ch=64, ch_mult=(1, 2, 2, 4, 4, 8), num_res_blocks=2, "
            "attn_resolutions=(16,), z_channels=256, head_size=8)"
        ),
        urls=_releases("TencentARC/GFPGAN", "RestoreFormer.pth", "v1.3.4"),
        size=290_785_322,
        sha256="07404d446d62ca3d5ed38b1de09a947a1e77d46dbccec961a74d713a8f24ace0",
        keys=PARAMS_EMA,
        licence="Apache-2.0",
    ),
    WeightFile(
        file="codeformer.pth",
        role="face_restorer",
        model="codeformer",
        architecture="codeformer",
        published_as=(
            "CodeFormer(dim_embd=512, codebook_size=1024, n_head=8, n_layers=9, "
            "connect_list=['32', '64', '128', '256'])"
        ),
        urls=_releases("sczhou/CodeFormer", "codeformer.pth", "v0.1.0"),
        size=376_637_898,
        sha256="1009e537e0c2a07d4cabce6355f53cb66767cd4b4297ec7a4a64ca4b8a5684b7",
        keys=("params_ema",),
        licence="S-Lab License 1.0, non-commercial",
        non_commercial=True,
        on_request=True,
    ),
    WeightFile(
        file="RealESRGAN_x4plus.pth",
        role="background",
        model="realesrgan_x4",
        architecture="rrdbnet",
        published_as="RRDBNet(num_in_ch=3, num_out_ch=3, num_feat=64, num_block=23, num_grow_ch=32, scale=4)",
        urls=_releases("xinntao/Real-ESRGAN", "RealESRGAN_x4plus.pth", "v0.1.0"),
        size=67_040_989,
        sha256="4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
        keys=PARAMS_EMA,
        licence="BSD-3-Clause",
    ),
    WeightFile(
        file="RealESRGAN_x2plus.pth",
        role="background",
        model="realesrgan_x2",
        architecture="rrdbnet",
        published_as="RRDBNet(num_in_ch=3, num_out_ch=3, num_feat=64, num_block=23, num_grow_ch=32, scale=2)",
        layout=(("scale", 2),),
        urls=_releases("xinntao/Real-ESRGAN", "RealESRGAN_x2plus.pth", "v0.2.1"),
        size=67_061_725,
        sha256="49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
        keys=PARAMS_EMA,
        licence="BSD-3-Clause",
    ),
    WeightFile(
        file="realesr-general-x4v3.pth",
        role="background",
        model="realesr_general_x4v3",
        architecture="srvggnet",
        published_as=_SRVGG,
        urls=_releases("xinntao/Real-ESRGAN", "realesr-general-x4v3.pth", "v0.2.5.0"),
        size=4_885_111,
        sha256="8dc7edb9ac80ccdc30c3a5dca6616509367f05fbc184ad95b731f05bece96292",
        keys=("params",),
        licence="BSD-3-Clause",
    ),
    WeightFile(
        file="realesr-general-wdn-x4v3.pth",
        role="background",
        model="realesr_general_wdn_x4v3",
        architecture="srvggnet",
        published_as=_SRVGG,
        urls=_releases("xinntao/Real-ESRGAN", "realesr-general-wdn-x4v3.pth", "v0.2.5.0"),
        size=4_885_111,
        sha256="1641f8c4464b9f097c9fdda5589273713f67cf59f3d909e0bd688f0cee269dca",
        keys=("params",),
        licence="BSD-3-Clause",
    ),
    WeightFile(
        file="detection_Resnet50_Final.pth",
        role="detector",
        model="retinaface",
        architecture="retinaface_resnet50",
        published_as="RetinaFace(network_name='resnet50')",
        urls=_releases("xinntao/facexlib", "detection_Resnet50_Final.pth", "v0.1.0"),
        size=109_497_761,
        sha256="6d1de9c2944f2ccddca5f5e010ea5ae64a39845a86311af6fdf30841b0a5a16d",
        keys=FLAT,
        licence="MIT",
    ),
    WeightFile(
        file="detection_mobilenet0.25_Final.pth",
        role="detector",
        model="retinaface",
        architecture="retinaface_mobilenet",
        published_as="RetinaFace(network_name='mobile0.25')",
        urls=_releases("xinntao/facexlib", "detection_mobilenet0.25_Final.pth", "v0.1.0"),
        size=1_789_735,
        sha256="2979b33ffafda5d74b6948cd7a5b9a7a62f62b949cef24e95fd15d2883a65220",
        keys=FLAT,
        licence="MIT",
    ),
    WeightFile(
        file="parsing_parsenet.pth",
        role="parser",
        model="parsenet",
        architecture="parsenet",
        published_as="ParseNet(in_size=512, out_size=512, parsing_ch=19)",
        urls=_releases("xinntao/facexlib", "parsing_parsenet.pth", "v0.2.2"),
        size=85_331_193,
        sha256="3d558d8d0e42c20224f13cf5a29c79eba2d59913419f945545d8cf7b72920de2",
        keys=FLAT,
        licence="modified from PSFRGAN, CC BY-NC-SA 4.0",
        non_commercial=True,
    ),
    WeightFile(
        file="parsing_bisenet.pth",
        role="parser",
        model="bisenet",
        architecture="bisenet",
        published_as="BiSeNet(num_class=19)",
        urls=_releases("xinntao/facexlib", "parsing_bisenet.pth", "v0.2.0"),
        size=53_289_463,
        sha256="468e13ca13a9b43cc0881a9f99083a430e9c0a38abd935431d1c28ee94b26567",
        keys=FLAT,
        licence="MIT; trained on CelebAMask-HQ, which is for non-commercial use",
        non_commercial=True,
    ),
    WeightFile(
        file=_SWINIR_M,
        role="background",
        model="swinir_m_x4",
        architecture="swinir",
        published_as=(
            "SwinIR(upscale=4, in_chans=3, img_size=64, window_size=8, img_range=1.0, depths=[6] * 6, "
            "embed_dim=180, num_heads=[6] * 6, mlp_ratio=2, upsampler='nearest+conv', resi_connection='1conv')"
        ),
        urls=_releases("JingyunLiang/SwinIR", _SWINIR_M, "v0.0"),
        size=67_129_861,
        sha256="b9afb61e65e04eb7f8aba5095d070bbe9af28df76acd0c9405aeb33b814bcfc6",
        keys=("params_ema",),
        licence="Apache-2.0",
    ),
    WeightFile(
        file=_SWINIR_L,
        role="background",
        model="swinir_l_x4",
        architecture="swinir",
        published_as=(
            "SwinIR(upscale=4, in_chans=3, img_size=64, window_size=8, img_range=1.0, depths=[6] * 9, "
            "embed_dim=240, num_heads=[8] * 9, mlp_ratio=2, upsampler='nearest+conv', resi_connection='3conv')"
        ),
        layout=(("groups", 9), ("embed_dim", 240), ("num_heads", 8), ("convolutions", 3)),
        urls=_releases("JingyunLiang/SwinIR", _SWINIR_L, "v0.0"),
        size=142_473_939,
        sha256="99adfa91350a84c99e946c1eb3d8fce34bc28f57d807b09dc8fe40a316328c0a",
        keys=("params_ema",),
        licence="Apache-2.0",
    ),
    WeightFile(
        file=_SFACE,
        role="identity",
        model="sface",
        architecture="sface_onnx",
        published_as="SFace, 112×112; same person where the cosine exceeds 0.363 (LFW)",
        urls=(
            f"https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/face_recognition_sface/{_SFACE}",
            f"https://huggingface.co/opencv/face_recognition_sface/resolve/main/{_SFACE}",
        ),
        size=38_696_353,
        sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
        keys=FLAT,
        licence="Apache-2.0",
    ),
)


def weight_file(name: str) -> WeightFile:
    """The entry for ``name``: a file name, with or without its suffix.

    Raises:
        WeightsError: where there is no such file.
    """
    for weight in WEIGHTS:
        if name in (weight.file, weight.variant):
            return weight
    raise WeightsError(f"{name!r} is no weight file that Limner knows. See `limner weights list`.")


def weight_files(name: str) -> tuple[WeightFile, ...]:
    """The files that ``name`` stands for: one by its name, or all files of the model ``name``, best first.

    Raises:
        WeightsError: where there is neither such a file nor such a model.
    """
    of_model = tuple(weight for weight in WEIGHTS if weight.model == name)
    return of_model or (weight_file(name),)
