"""The exported FP32 graph of every architecture, as small as its layout allows, with seeded weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import onnx

from export.architectures import ARCHITECTURES, architecture, published_graph
from export.models import ModelSpec, model_spec
from export.onnx_export import to_onnx
from export.registry import WEIGHTS

LAYOUTS: Mapping[str, Mapping[str, int]] = {
    "codeformer": {"nf": 32, "dim_embd": 64, "n_layers": 1, "codebook_size": 64},
    "gfpgan_clean": {"narrowing": 16, "num_style_feat": 64},
    "parsenet": {"base_ch": 32, "res_depth": 1},
    "restoreformer": {"ch": 32, "n_embed": 64, "num_res_blocks": 1},
    "retinaface_resnet50": {"width": 16, "depth": 1, "features": 32},
    "rrdbnet": {"num_feat": 16, "num_block": 1, "num_grow_ch": 8},
    "srvggnet": {"num_feat": 16, "num_conv": 2},
    "swinir": {"groups": 1, "depth": 2, "embed_dim": 36, "num_heads": 2},
}
"""What makes the slow ones small; others are traced in their published size."""


def spec_of(name: str) -> ModelSpec:
    """The first model that an architecture fills."""
    return next(model_spec(weight.model) for weight in WEIGHTS if weight.architecture == name)


@lru_cache(maxsize=len(ARCHITECTURES))
def small_graph(name: str) -> onnx.ModelProto:
    """The graph of an architecture, as it is exported. It is shared: copy before changing it."""
    if ARCHITECTURES[name].published_onnx:
        module = published_graph(name)
        return module.served_model(module.seeded_model(0), "test")
    network = architecture(name)
    state = network.seeded_state(0, LAYOUTS.get(name, {}))
    return to_onnx(spec_of(name), network.served(network.build(state, "test")).eval(), network.examples(0)[0])
