"""facexlib's ParseNet: picture FP32 [N, 3, H, W] in [-1, 1] → logits FP32 [N, 19, H, W]."""

from facexlib.parsing.parsenet import ParseNet


def build(state, layout):
    layout = dict(layout)
    steps = layout.pop("steps", 4)
    network = ParseNet(**({"in_size": 512, "out_size": 512, "min_feat_size": 512 >> steps, "parsing_ch": 19} | layout))
    network.load_state_dict(state, strict=True)
    return network.eval()


def run(network, arrays):
    return {"logits": network(arrays["picture"])[0]}
