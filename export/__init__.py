"""From published checkpoints to models that Triton serves. Needs PyTorch; never imported at serving time."""
