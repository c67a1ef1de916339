"""Runs upstream's own code. To be started with the Python of ``.venv-upstream``, never imported by a test.

    python oracle.py COMMAND --input FILE.npz --output FILE.npz [--weights FILE.pth] [--OPTION VALUE]

Commands, and the arrays they read and write:

    rrdbnet      tile FP32 [N, 3, H, W] → result FP32 [N, 3, sH, sW]: basicsr's RRDBNet
    realesrgan   photo UINT8 [H, W, 3] RGB → result UINT8 [h, w, 3] RGB, seconds: RealESRGANer.enhance, ``--outscale``
    retinaface   photo UINT8 [H, W, 3] RGB → boxes FP32 [P, 4], scores FP32 [P], landmarks FP32 [P, 10] of all
                 anchors, decoded by facexlib; and detections FP32 [F, 15]: its detect_faces, ``--threshold``
    paste        photo UINT8 [H, W, 3], landmarks FP32 [N, 5, 2], restored UINT8 [N, 512, 512, 3], classes UINT8
                 [N, 512, 512] or none → crops UINT8 [N, 512, 512, 3], result UINT8 [h, w, 3]: FaceRestoreHelper,
                 ``--scale``; all RGB
    gfpgan       photo UINT8 [H, W, 3], detections FP32 [N, 15] → result UINT8 RGB [h, w, 3]: GFPGANer.enhance with
                 the parser of ``--parser`` and these faces, ``--scale``, ``--aligned``, ``--only_center_face``;
                 with ``--background`` RealESRGANer of these weights behind them, ``--background_scale``, ``--tile``
    network      the network ``--name`` of ``networks/`` with ``--weights``: its arrays to its arrays, and the median
                 ``seconds`` of ``--rounds`` runs; ``--key`` is the checkpoint's entry, ``--layout`` JSON
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torchvision_stub  # noqa: E402, F401 - first, for its effect
from numpy.typing import NDArray  # noqa: E402

Arrays = dict[str, NDArray[Any]]
State = dict[str, torch.Tensor]


def rrdbnet_of(state: State, scale: int) -> torch.nn.Module:
    from basicsr.archs.rrdbnet_arch import RRDBNet

    blocks = len({key.split(".")[1] for key in state if key.startswith("body.")})
    features = state["conv_first.weight"].shape[0]
    growth = state["body.0.rdb1.conv1.weight"].shape[0]
    network: torch.nn.Module = RRDBNet(3, 3, scale=scale, num_feat=features, num_block=blocks, num_grow_ch=growth)
    return network


def rrdbnet(arrays: Arrays, arguments: argparse.Namespace) -> Arrays:
    state = torch.load(arguments.weights, weights_only=True)["params_ema"]
    network = rrdbnet_of(state, arguments.scale)
    network.load_state_dict(state, strict=True)
    with torch.inference_mode():
        return {"result": network.eval()(torch.from_numpy(arrays["tile"])).numpy()}


def realesrganer(weights: str, scale: int, tile: int) -> Any:
    from realesrgan import RealESRGANer

    state = torch.load(weights, weights_only=True)["params_ema"]
    return RealESRGANer(
        scale=scale,
        model_path=weights,
        model=rrdbnet_of(state, scale),
        tile=tile,
        tile_pad=10,
        pre_pad=0,
        half=False,
        device=torch.device("cpu"),
    )


def realesrgan(arrays: Arrays, arguments: argparse.Namespace) -> Arrays:
    upsampler = realesrganer(arguments.weights, arguments.scale, arguments.tile)
    photo = np.ascontiguousarray(arrays["photo"][:, :, ::-1])
    started = time.perf_counter()
    result, _ = upsampler.enhance(photo, outscale=arguments.outscale)
    seconds = time.perf_counter() - started
    return {"result": np.ascontiguousarray(result[:, :, ::-1]), "seconds": np.array(seconds)}


def retinaface(arrays: Arrays, arguments: argparse.Namespace) -> Arrays:
    from facexlib.detection.retinaface import RetinaFace
    from facexlib.detection.retinaface_utils import PriorBox, decode, decode_landm

    network = RetinaFace(network_name="mobile0.25", device=torch.device("cpu"))
    state = torch.load(arguments.weights, weights_only=True)
    network.load_state_dict({key.removeprefix("module."): value for key, value in state.items()}, strict=True)
    bgr = np.ascontiguousarray(arrays["photo"][:, :, ::-1])
    height, width = bgr.shape[:2]
    with torch.inference_mode():
        planes = torch.from_numpy(bgr.astype(np.float32).transpose(2, 0, 1))[None] - network.mean_tensor
        offsets, scores, landmarks = network(planes)
        anchors = PriorBox(network.cfg, image_size=(height, width)).forward()
        boxes = decode(offsets[0], anchors, network.cfg["variance"]) * torch.tensor([width, height] * 2)
        points = decode_landm(landmarks[0], anchors, network.cfg["variance"]) * torch.tensor([width, height] * 5)
        found = network.detect_faces(bgr, conf_threshold=arguments.threshold)
    return {
        "boxes": boxes.numpy(),
        "scores": scores[0, :, 1].numpy(),
        "landmarks": points.numpy(),
        "detections": np.asarray(found, np.float32).reshape(-1, 15),
    }


@contextlib.contextmanager
def face_helper(detections: list[NDArray[Any]], parse: Callable[[torch.Tensor], Any]) -> Iterator[Any]:
    """facexlib's helper with the faces given, and ``parse`` in place of the parser it would download."""
    from facexlib.utils import face_restoration_helper as module

    class Detector:
        def detect_faces(self, image: object, threshold: float) -> list[NDArray[Any]]:
            return detections

    originals = module.init_detection_model, module.init_parsing_model
    module.init_detection_model = lambda *_, **__: Detector()
    module.init_parsing_model = lambda *_, **__: parse
    try:
        yield module.FaceRestoreHelper
    finally:
        module.init_detection_model, module.init_parsing_model = originals


def paste(arrays: Arrays, arguments: argparse.Namespace) -> Arrays:
    landmarks, restored = arrays["landmarks"], arrays["restored"]
    classes = iter(arrays.get("classes", ()))
    logits = torch.eye(19)

    def parse(_: torch.Tensor) -> list[torch.Tensor]:
        return [logits[torch.from_numpy(next(classes).astype(np.int64))].permute(2, 0, 1)[None]]

    with face_helper([], parse) as helper_class:
        helper = helper_class(arguments.scale, face_size=512, use_parse="classes" in arrays, device=torch.device("cpu"))
        helper.read_image(np.ascontiguousarray(arrays["photo"][:, :, ::-1]))
        helper.all_landmarks_5 = list(landmarks)
        helper.align_warp_face()
        for face in restored:
            helper.add_restored_face(np.ascontiguousarray(face[:, :, ::-1]))
        helper.get_inverse_affine(None)
        result = helper.paste_faces_to_input_image()
    crops = np.stack(helper.cropped_faces)[..., ::-1]
    return {"crops": np.ascontiguousarray(crops), "result": np.ascontiguousarray(result[:, :, ::-1])}


def gfpgan(arrays: Arrays, arguments: argparse.Namespace) -> Arrays:
    from gfpgan.utils import GFPGANer
    from networks import parsenet

    parser = parsenet.build(torch.load(arguments.parser, weights_only=True), {})
    with face_helper(list(arrays["detections"]), parser):
        behind = None
        if arguments.background:
            behind = realesrganer(arguments.background, arguments.background_scale, arguments.tile)
        restorer = GFPGANer(arguments.weights, upscale=arguments.scale, bg_upsampler=behind, device=torch.device("cpu"))
    drawn = restorer.gfpgan.forward
    # The checkpoint's own noise, as Limner serves it.
    restorer.gfpgan.forward = lambda *given, **named: drawn(*given, **(named | {"randomize_noise": False}))
    photo = np.ascontiguousarray(arrays["photo"][:, :, ::-1])
    _, faces, result = restorer.enhance(
        photo, has_aligned=arguments.aligned, only_center_face=arguments.only_center_face, paste_back=True
    )
    result = faces[0] if arguments.aligned else result
    return {"result": np.ascontiguousarray(result[:, :, ::-1])}


def network(arrays: Arrays, arguments: argparse.Namespace) -> Arrays:
    module = importlib.import_module(f"networks.{arguments.name}")
    content = torch.load(arguments.weights, weights_only=True)
    state = content[arguments.key] if arguments.key else content
    built = module.build(state, json.loads(arguments.layout))
    given = {name: torch.from_numpy(array) for name, array in arrays.items()}
    seconds = []
    with torch.inference_mode():
        for _ in range(arguments.rounds):
            started = time.perf_counter()
            result = module.run(built, given)
            seconds.append(time.perf_counter() - started)
    answer = {name: value.numpy() for name, value in result.items()}
    return answer | {"seconds": np.array(statistics.median(seconds))}


COMMANDS = {"rrdbnet": rrdbnet, "realesrgan": realesrgan, "retinaface": retinaface}
COMMANDS |= {"paste": paste, "gfpgan": gfpgan, "network": network}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--input", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--weights")
    parser.add_argument("--parser")
    parser.add_argument("--background")
    parser.add_argument("--background_scale", type=int, default=4)
    parser.add_argument("--aligned", type=int, default=0)
    parser.add_argument("--only_center_face", type=int, default=0)
    parser.add_argument("--name")
    parser.add_argument("--key", default="params_ema")
    parser.add_argument("--layout", default="{}")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--outscale", type=float, default=2.0)
    parser.add_argument("--tile", type=int, default=0)
    parser.add_argument("--threshold", type=float, default=0.97)
    arguments = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):
        result = COMMANDS[arguments.command](dict(np.load(arguments.input)), arguments)
    np.savez(arguments.output, **result)


if __name__ == "__main__":
    main()
