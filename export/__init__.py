"""From published checkpoints to models that Triton serves. Needs PyTorch; never imported at serving time."""

import limner  # noqa: F401 - first, before anything imports OpenVINO
