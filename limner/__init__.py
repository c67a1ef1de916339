"""The words that every part of Limner shares: errors, options, settings, the model catalogue.

This package imports no other part of the project, so each of them may import it. Everything here but
:mod:`limner.settings` and :mod:`limner.client` needs the standard library only, so that it also loads inside Triton's
Python stubs.
"""

import sys

__version__ = "0.1.0"

# `import openvino` sends usage data to its makers, from a forked process that can hang. A service that promises
# privacy sends nothing: without this package OpenVINO and NNCF stay silent.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
