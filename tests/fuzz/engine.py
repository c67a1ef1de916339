"""One run of the fuzzer, in a process of its own: ``python -m tests.fuzz.engine TARGET [libFuzzer's flags] FOLDER``.

libFuzzer ends the process by itself: 0 where it found nothing, 77 after an exception, 70 a hang, 71 out of memory.
"""

from __future__ import annotations

import logging
import sys
import warnings
from importlib import import_module

import atheris  # type: ignore[import-untyped]

from tests.fuzz.targets import FAULTY, TARGETS


def main() -> None:
    name = sys.argv.pop(1)
    target = (TARGETS | FAULTY)[name]
    warnings.simplefilter("ignore")
    logging.disable()
    with atheris.instrument_imports(include=[*target.instrumented]):
        _, check = target.load(name)
    for method in target.methods:
        _instrument(*method.split(":"))
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


def _instrument(module: str, method: str) -> None:
    owner_name, name = method.split(".")
    owner = getattr(import_module(module), owner_name)
    setattr(owner, name, atheris.instrument_func(getattr(owner, name)))


if __name__ == "__main__":
    main()
