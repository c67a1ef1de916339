"""facexlib's BiSeNet: picture FP32 [N, 3, H, W] → logits FP32 [N, 19, H, W]."""

from facexlib.parsing.bisenet import BiSeNet


def build(state, layout):
    network = BiSeNet(num_class=19)
    network.load_state_dict(state, strict=True)
    return network.eval()


def run(network, arrays):
    return {"logits": network(arrays["picture"])[0]}
