"""Upstream's own networks, one module each, for the oracle's command ``network``. Run in ``.venv-upstream`` only.

A module ``NAME.py`` here offers ``build(state, layout)``, the upstream network with ``state`` loaded strictly, in
evaluation mode (``layout``: the ints that small test networks differ in, empty for the published one), and
``run(network, arrays)``, a dict of tensors to a dict of tensors.
"""
