"""Flags of GFPGAN's, Real-ESRGAN's and CodeFormer's scripts that are not here, and what to do instead."""

from __future__ import annotations

import click

TILES = "Photos are cut into tiles of a size that suits the network; leave it out."
_HINTS = {
    **dict.fromkeys(("--input_path", "--test_path"), "Use -i."),
    **dict.fromkeys(("--output_path", "--save_root"), "Use -o."),
    "--outscale": "Use -s, which takes 1, 2, 4 or 8.",
    **dict.fromkeys(("--fidelity_weight", "--w"), "Use -w."),
    "--has_aligned": "Use --aligned.",
    **dict.fromkeys(("-n", "--model_name"), "Choose the network with --background realesrgan, swinir or lanczos."),
    **dict.fromkeys(("-d", "--denoise_strength"), "`limner export realesr_general_x4v3 --denoise 0.5` takes it."),
    "--model_path": "`limner export MODEL --weights FILE` takes a checkpoint of your own.",
    **dict.fromkeys(("-t", "--tile", "--tile_pad", "--pre_pad"), TILES),
    "--face_enhance": "Faces are restored anyhow; leave it out. --restorer none leaves them alone.",
    "--fp32": "Set LIMNER_PRECISION=fp32.",
    "--alpha_upsampler": "Transparency is kept, and enlarged bicubically; leave it out.",
    **dict.fromkeys(("-g", "--gpu-id"), "LIMNER_PROFILE=gpu serves on a GPU; docs/gpu.md has the rest."),
    "--draw_box": "The box of each face is told in words; leave it out.",
    "--detection_model": "`limner export retinaface` makes the detector; docs/weights.md names its networks.",
    "--face_upsample": "A restored face is enlarged by no further network; leave it out.",
    "--save_video_fps": "Videos are not taken; cut them into pictures first.",
}
"""What to do instead, by flags of the scripts of GFPGAN, Real-ESRGAN and CodeFormer that are not here."""


class HintingCommand(click.Command):
    """Tells those who paste a command of another project what to do about a flag that is not here."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name not in _HINTS:
                raise
            message = f"No such option {error.option_name!r}. {_HINTS[error.option_name]}"
            raise click.NoSuchOption(error.option_name, message, ctx=ctx) from None
