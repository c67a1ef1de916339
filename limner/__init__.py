"""The words that every part of Limner shares: errors, options, settings, the model catalogue.

This package imports no other part of the project, so each of them may import it. Everything here but
:mod:`limner.settings` needs the standard library only, so that it also loads inside Triton's Python stubs.
"""

__version__ = "0.1.0"
