"""basicsr's RRDBNet: ``tile`` FP32 [N, 3, H, W] → ``result`` FP32 [N, 3, sH, sW]."""

from basicsr.archs.rrdbnet_arch import RRDBNet


def build(state, layout):
    network = RRDBNet(num_in_ch=3, num_out_ch=3, **({"scale": 4, "num_block": 23} | layout))
    network.load_state_dict(state, strict=True)
    return network.eval()


def run(network, arrays):
    return {"result": network(arrays["tile"])}
