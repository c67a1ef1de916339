"""What is fuzzed. Each module has ``seeds()``, inputs to begin with; its ``check(data)`` raises only on a fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Target:
    """One parser.

    Attributes:
        instrumented: modules whose coverage leads the search; the rest runs as it is.
        methods: as ``module:Class.method``, where the module as a whole is too much.
        longest: bytes of an input.
        runs: inputs of the short form, a few seconds.
        memory_mb: the fuzzer gives up above it, all libraries of the process included.
    """

    instrumented: tuple[str, ...]
    longest: int = 4096
    runs: int = 4000
    memory_mb: int = 1024
    methods: tuple[str, ...] = ()

    def load(self, name: str) -> tuple[Callable[[], list[bytes]], Callable[[bytes], None]]:
        """Its seeds and its check."""
        module = import_module(f"tests.fuzz.targets.{name}")
        return module.seeds, module.check


TARGETS: dict[str, Target] = {
    "answers": Target(("limner.client", "email"), 2048),
    "checkpoint": Target(
        ("export.checkpoint", "zipfile"), 8192, 1000, 3072, ("torch._weights_only_unpickler:Unpickler.load",)
    ),
    "decode": Target(("limner.header", "ensemble.decode", "ensemble.profile", "PIL"), 8192, 1500, 2048),
    "events": Target(("limner.client.events", "limner.client.answers"), 2048),
    "frames": Target(("gateway.archives.frames", "json"), 1024),
    "header": Target(("limner.header",), 2048, 10_000),
    "label": Target(("ensemble.label",), 1024, 10_000),
    "multipart": Target(("gateway.multipart", "python_multipart"), 4096, 5000),
    "ncnn": Target(("export.ncnn",), 2048, 10_000),
    "options": Target(("limner.options",), 512, 20_000),
    "packaged": Target(("export.packaged", "export.packaged_retinaface", "onnx"), 4096, 1000, 3072),
    "png": Target(("ensemble.png",), 2048, 1000),
    "profile": Target(("ensemble.profile",), 2048, 10_000),
    "rar_archive": Target(("gateway.archives",), 4096, 3000, 2048),
    "record": Target(("gateway.state.record", "json"), 1024, 10_000),
    "zip_archive": Target(("gateway.archives", "zipfile"), 4096, 3000, 2048),
}

FAULTY = {"faulty": Target(("tests.fuzz.targets.faulty",), 16, 200_000)}
"""Not part of any run but of the test that a fault is found."""
